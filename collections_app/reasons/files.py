"""What the readers of files write, and what becomes of uploads."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop("The file cannot be read now: %(error)s. Free some space and try again."),
    gettext_noop("The file cannot be read now: %(error)s."),
    gettext_noop("Files of this kind cannot be read now: %(error)s. Run `pip install -r requirements.txt`."),
    gettext_noop(
        "The file is damaged or incomplete, as happens when an upload or download breaks off. Open the original, save "
        "it again and upload that."
    ),
    gettext_noop("The file consists of more than %(count)s parts. Split it into smaller files."),
    gettext_noop("The file is protected by a password. Remove the protection and upload it again."),
    gettext_noop(
        "A part of the file unpacks to %(size)s MiB (%(ratio)s times its packed size), more than is read (%(most)s "
        "MiB, %(highest)s times). Split the document into smaller files."
    ),
    gettext_noop(
        "The file is damaged: its part %(name)s is missing. Open it in the program that wrote it and save it again."
    ),
    gettext_noop("The file is damaged: its part %(name)s cannot be unpacked. Open the original and save it again."),
    gettext_noop("The file holds more than %(limit)s MiB of text. Split it into smaller files and upload them again."),
    gettext_noop("The file is nested too deeply to be read. Simplify it, or use another format."),
    gettext_noop(
        "Reading the file takes more than %(memory)s MiB of memory. Split it into smaller files and upload them again."
    ),
    gettext_noop(
        "The file is damaged and could not be read. Open it in the program that wrote it, save it again and upload "
        "that."
    ),
    gettext_noop("The table is empty. Check the original and upload it again."),
    gettext_noop("The row has %(count)s more cells than the table has columns."),
    gettext_noop(
        "This is no text: it is full of control characters, so it is probably a program, a picture or another binary "
        "file under a text file's name. Upload the document itself."
    ),
    gettext_noop("The text had been converted to UTF-8 twice; one conversion was taken back."),
    gettext_noop("Some lines were not in UTF-8 like the others and were read as %(encoding)s."),
    gettext_noop(
        "The characters of this text could not be recognised in any known encoding. Open it in the program that wrote "
        "it and save it as UTF-8."
    ),
    gettext_noop("%(what)s could not be read as %(encoding)s and replaced by �."),
    gettext_noop("The book holds no text; it may consist of pictures. Run text recognition (OCR) on it first."),
    gettext_noop("The book is damaged: it does not say where its text is. Convert it to EPUB anew."),
    gettext_noop("The book is protected by its shop (DRM). Upload a copy without this protection."),
    gettext_noop("The file is empty. Check the original and upload it again."),
    gettext_noop("The file is no valid JSON: %(error)s. Correct it and upload it again."),
    gettext_noop("The file holds no list of objects, so there are no columns to choose from."),
    gettext_noop("It is no JSON object but %(kind)s."),
    gettext_noop("It is no valid JSON: %(error)s."),
    gettext_noop("It is nested too deeply."),
    gettext_noop("The message holds neither a subject nor text. If it has attachments, upload these."),
    gettext_noop("The file holds no text beside its front matter. Write some, or leave the file out."),
    gettext_noop("The file is empty (0 bytes). Check the original and upload it again."),
    gettext_noop(
        "The file is named .%(extension)s but is either protected by a password or in the old format of Office "
        "97-2003. Open it, remove the password, save it as .%(format)s and upload it again."
    ),
    gettext_noop("Files of this kind are not read. Supported are: %(kinds)s."),
    gettext_noop(
        "The file is named .%(extension)s but is not %(label)s: it holds a web page, as happens when a download "
        "fails. Download the original again."
    ),
    gettext_noop(
        "The file is named .%(extension)s but is not %(label)s: it holds plain text. Rename it to .txt, or upload the "
        "original."
    ),
    gettext_noop(
        "The file is named .%(extension)s but is not %(label)s: it is damaged, or something else under this name. "
        "Open the original, save it again and upload that."
    ),
    gettext_noop("The file is %(label)s, although it is named .%(extension)s. %(remedy)s"),
    gettext_noop(
        "The file is damaged or no Office document: its main part is missing. Open the original and save it again."
    ),
    gettext_noop("The document holds no text; if it shows pictures of text, run text recognition (OCR) on it first."),
    gettext_noop("This PDF is protected by a password. Remove the protection and upload it again."),
    gettext_noop(
        "This PDF is protected by a method that only its own program knows. Print it to a new PDF and upload that."
    ),
    gettext_noop(
        "This PDF is damaged or incomplete. Open it in a PDF viewer; if that works, print it to a new PDF and upload "
        "that."
    ),
    gettext_noop(
        "This PDF is damaged: none of its pages can be read. Open it in a PDF viewer; if that works, print it to a "
        "new PDF and upload that."
    ),
    gettext_noop("This PDF holds only pictures of text. Run text recognition (OCR) on it first."),
    gettext_noop("This PDF holds no text. If it shows text, run text recognition (OCR) on it first."),
    gettext_noop("The file holds nothing but white space. Check the original and upload it again."),
    gettext_noop("The file holds no text. Check the original and upload it again."),
    gettext_noop("The RTF document holds no text. Check the original and upload it again."),
    gettext_noop("The reader could not be started: %(error)s."),
    gettext_noop(
        "The program that reads files does not start or end properly; the log of the worker says why. Repair the "
        "installation and try again."
    ),
    gettext_noop(
        "Reading the file takes more than %(seconds)s seconds. Split it into smaller files, or save it in a simpler "
        "format such as plain text."
    ),
    gettext_noop(
        "The program that reads such files crashed on this one (%(cause)s): it is damaged, or takes more than "
        "%(memory)s MiB of memory. Open it in the program that wrote it, save it again or split it, and upload that."
    ),
    gettext_noop(
        "The presentation holds no text; if it shows pictures of text, run text recognition (OCR) on it first."
    ),
    gettext_noop("The table holds more than %(rows)s rows. Split it into smaller files and upload them."),
    gettext_noop("Its key %(key)s is already used by %(user)s. Keys must be unique."),
    gettext_noop("Its key in %(column)s is not one simple value."),
    gettext_noop("It has no text in %(columns)s."),
    gettext_noop("Say which column holds the text. The columns are: %(columns)s."),
    gettext_noop("The table has no %(noun)s %(missing)s. Its columns are: %(columns)s."),
    gettext_noop(
        "The page holds no text; it may be filled by scripts in a browser. Save it there as PDF and upload that."
    ),
    gettext_noop("The workbook holds no values. Check the original and upload it again."),
    gettext_noop("The workbook is damaged and could not be read (%(error)s). Open it in Excel and save it again."),
    gettext_noop(
        "The text of this XML stands in entities that it defines itself. They are not expanded, since they can grow "
        "without bound. Save it without them and upload that."
    ),
    gettext_noop("The XML holds no text between its tags. Check the original and upload it again."),
    gettext_noop(
        "The file declares a document type, which files of its kind may not do; this is how small files are made to "
        "grow without bound. Open it in the program that wrote it, save it again and upload that."
    ),
    gettext_noop("The file is no XML. Correct it, or save it again in the program that wrote it."),
    gettext_noop("The XML is nested too deeply to be read. Simplify it, or save it in another format."),
    gettext_noop(
        "The XML defines entities that grow without bound when they are read. Remove them and upload it again."
    ),
    gettext_noop(
        "The file is damaged: its XML cannot be read (%(error)s). Save it again in the program that wrote it."
    ),
    gettext_noop(
        "The worker died %(times)s times while it read this file. Look for it in the worker's log, or leave the file "
        "out."
    ),
    gettext_noop("The file was read and holds no documents."),
    gettext_noop("The file was deleted before it was read."),
    gettext_noop("The file is %(label)s. %(remedy)s"),
    gettext_noop("%(count)s rows could not be taken."),
    gettext_noop("1 row could not be taken."),
    gettext_noop("column"),
    gettext_noop("columns"),
    gettext_noop("The stored bytes of this file are gone. Upload it again."),
)
