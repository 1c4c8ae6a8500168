"""Why something failed, in the reader's language: what reads files, embeds and stores writes English.

What failed is kept as it was written, for logs, programs and readers of any language. Here all that the readers of
files write, and what else is seen most, stands again as templates: what was kept is recognised by one, and told with
the same values in another language.
"""

import re
from functools import cache

from django.utils.translation import gettext, gettext_noop

_TEMPLATES = (
    gettext_noop("The file cannot be read now: %(error)s. Free some space and try again."),
    gettext_noop("The file cannot be read now: %(error)s."),
    gettext_noop("Files of this kind cannot be read now: %(error)s. Run `pip install -r requirements.txt`."),
    gettext_noop(
        "The file is damaged or incomplete, as happens when an upload or download breaks off. Open the "
        "original, save it again and upload that."
    ),
    gettext_noop("The file consists of more than %(count)s parts. Split it into smaller files."),
    gettext_noop("The file is protected by a password. Remove the protection and upload it again."),
    gettext_noop(
        "A part of the file unpacks to %(size)s MiB (%(ratio)s times its packed size), more than is read "
        "(%(most)s MiB, %(highest)s times). Split the document into smaller files."
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
        "The file is damaged and could not be read. Open it in the program that wrote it, save it again and "
        "upload that."
    ),
    gettext_noop("The table is empty. Check the original and upload it again."),
    gettext_noop("The row has %(count)s more cells than the table has columns."),
    gettext_noop(
        "This is no text: it is full of control characters, so it is probably a program, a picture or "
        "another binary file under a text file's name. Upload the document itself."
    ),
    gettext_noop("The text had been converted to UTF-8 twice; one conversion was taken back."),
    gettext_noop("Some lines were not in UTF-8 like the others and were read as %(encoding)s."),
    gettext_noop(
        "The characters of this text could not be recognised in any known encoding. Open it in the program "
        "that wrote it and save it as UTF-8."
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
        "The file is named .%(extension)s but is either protected by a password or in the old format of "
        "Office 97-2003. Open it, remove the password, save it as .%(format)s and upload it again."
    ),
    gettext_noop("Files of this kind are not read. Supported are: %(kinds)s."),
    gettext_noop(
        "The file is named .%(extension)s but is not %(label)s: it holds a web page, as happens when a "
        "download fails. Download the original again."
    ),
    gettext_noop(
        "The file is named .%(extension)s but is not %(label)s: it holds plain text. Rename it to .txt, or "
        "upload the original."
    ),
    gettext_noop(
        "The file is named .%(extension)s but is not %(label)s: it is damaged, or something else under this "
        "name. Open the original, save it again and upload that."
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
        "This PDF is damaged or incomplete. Open it in a PDF viewer; if that works, print it to a new PDF "
        "and upload that."
    ),
    gettext_noop(
        "This PDF is damaged: none of its pages can be read. Open it in a PDF viewer; if that works, print "
        "it to a new PDF and upload that."
    ),
    gettext_noop("This PDF holds only pictures of text. Run text recognition (OCR) on it first."),
    gettext_noop("This PDF holds no text. If it shows text, run text recognition (OCR) on it first."),
    gettext_noop("The file holds nothing but white space. Check the original and upload it again."),
    gettext_noop("The file holds no text. Check the original and upload it again."),
    gettext_noop("The RTF document holds no text. Check the original and upload it again."),
    gettext_noop("The reader could not be started: %(error)s."),
    gettext_noop(
        "The program that reads files does not start or end properly; the log of the worker says why. Repair "
        "the installation and try again."
    ),
    gettext_noop(
        "Reading the file takes more than %(seconds)s seconds. Split it into smaller files, or save it in a "
        "simpler format such as plain text."
    ),
    gettext_noop(
        "The program that reads such files crashed on this one (%(cause)s): it is damaged, or takes more "
        "than %(memory)s MiB of memory. Open it in the program that wrote it, save it again or split it, and "
        "upload that."
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
        "The text of this XML stands in entities that it defines itself. They are not expanded, since they "
        "can grow without bound. Save it without them and upload that."
    ),
    gettext_noop("The XML holds no text between its tags. Check the original and upload it again."),
    gettext_noop(
        "The file declares a document type, which files of its kind may not do; this is how small files are "
        "made to grow without bound. Open it in the program that wrote it, save it again and upload that."
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
        "The worker died %(times)s times while it read this file. Look for it in the worker's log, or leave "
        "the file out."
    ),
    gettext_noop("The file was read and holds no documents."),
    gettext_noop("The file was deleted before it was read."),
    gettext_noop("The file is %(label)s. %(remedy)s"),
    gettext_noop("Run text recognition (OCR) on it, save the result as PDF or text and upload that."),
    gettext_noop("Unpack it and upload the files that are in it."),
    gettext_noop("Upload a transcript of it."),
    gettext_noop("Export it as PDF or .docx and upload that."),
    gettext_noop("Upload documents only."),
    gettext_noop("Export the rows as CSV and upload that."),
    gettext_noop("Convert it to EPUB and upload that."),
    gettext_noop("Open it and save it as .docx."),
    gettext_noop("Open it in Excel and save it as .xlsx."),
    gettext_noop("Open it in PowerPoint and save it as .pptx."),
    gettext_noop("Save it from the mail program as .eml."),
    gettext_noop("Export it as PDF and upload that."),
    gettext_noop("Export it as Markdown or HTML and upload that."),
    gettext_noop("a PNG picture"),
    gettext_noop("a JPEG picture"),
    gettext_noop("a GIF picture"),
    gettext_noop("a WebP picture"),
    gettext_noop("a TIFF picture"),
    gettext_noop("a HEIF picture"),
    gettext_noop("a picture"),
    gettext_noop("a DjVu scan"),
    gettext_noop("a gzip archive"),
    gettext_noop("a bzip2 archive"),
    gettext_noop("an xz archive"),
    gettext_noop("a Zstandard archive"),
    gettext_noop("a 7-Zip archive"),
    gettext_noop("a RAR archive"),
    gettext_noop("a tar archive"),
    gettext_noop("a ZIP archive"),
    gettext_noop("a sound recording"),
    gettext_noop("a video"),
    gettext_noop("a program"),
    gettext_noop("a SQLite database"),
    gettext_noop("a table in Parquet or Arrow format"),
    gettext_noop("a font"),
    gettext_noop("a Kindle book"),
    gettext_noop("in a format of Word 97-2003 or an older program"),
    gettext_noop("a workbook of Excel 97-2003"),
    gettext_noop("a presentation of PowerPoint 97-2003"),
    gettext_noop("an e-mail in Outlook's own format"),
    gettext_noop("an iWork document"),
    gettext_noop("a document of WPS Office"),
    gettext_noop("a document in a format that only its own program reads"),
    gettext_noop("a drawing"),
    gettext_noop("a Jupyter notebook"),
    gettext_noop("a serialised Python object"),
    gettext_noop("AsciiDoc text"),
    gettext_noop("Markdown text"),
    gettext_noop("Org text"),
    gettext_noop("a CSV table"),
    gettext_noop("a JSON Lines file"),
    gettext_noop("a JSON file"),
    gettext_noop("a PDF document"),
    gettext_noop("a PowerPoint presentation"),
    gettext_noop("a TSV table"),
    gettext_noop("a Word document"),
    gettext_noop("a web page"),
    gettext_noop("an EPUB book"),
    gettext_noop("an Excel workbook"),
    gettext_noop("an OpenDocument presentation"),
    gettext_noop("an OpenDocument spreadsheet"),
    gettext_noop("an OpenDocument text"),
    gettext_noop("an RTF document"),
    gettext_noop("an XML document"),
    gettext_noop("an e-mail"),
    gettext_noop("plain text"),
    gettext_noop("reStructuredText"),
    gettext_noop("%(count)s rows could not be taken."),
    gettext_noop("1 row could not be taken."),
    gettext_noop("column"),
    gettext_noop("columns"),
    gettext_noop(
        "The embedder fails at this text while it embeds others. Look at its log, shorten or change the "
        "text, then retry. %(error)s"
    ),
    gettext_noop(
        "%(kind)s: %(error)s. This is a defect, not a fault of the document; the worker's log has the details."
    ),
    gettext_noop(
        "The embedding server's limit of requests or tokens a minute is reached; the next may go in %(seconds)s s."
    ),
    gettext_noop(
        "The embedding server's answer cannot be used: %(reason)s. Check that `base_url` leads to an "
        "embeddings endpoint of this kind (OpenAI-compatible or Ollama's), and look at its log."
    ),
    gettext_noop(
        "The stored key cannot be opened, because SECRET_KEY is another than it was sealed by. Name the "
        "former one in SECRET_KEY_FALLBACKS, or enter the key again in the profile."
    ),
    gettext_noop(
        "No vector was supplied for this text as it is now (its title counts too), and no model of this site "
        "makes such vectors. Import it again with its vector, or rebuild the index with a model."
    ),
    gettext_noop(
        "The vector store at %(url)s hung up (%(kind)s: %(error)s). Look whether it runs, and at the end of its log."
    ),
    gettext_noop(
        "The vector store at %(url)s was silent for %(seconds)s s. Look at its disk space and its log, and "
        "restart it if it stays so."
    ),
    gettext_noop("The vector store at %(url)s did not answer (%(kind)s: %(error)s). Start it, or correct its address."),
    gettext_noop("Collection %(name)s is broken: it answers with vectors that are not finite. Drop and rebuild it."),
    gettext_noop("The store has no collection %(name)s. Rebuild the index."),
    gettext_noop("%(server)s was silent for %(seconds)s s. Look at it, or raise the option `timeout`."),
    gettext_noop("%(server)s cannot be reached (%(reason)s). Start it, or correct `base_url`."),
    gettext_noop("%(problem)s. Enter a valid key in the profile."),
    gettext_noop(
        "%(problem)s. Enter it in the profile, or name the environment variable that holds it in the option "
        "`api_key_env`."
    ),
    gettext_noop("%(problem)s. Put a valid key into the environment variable %(name)s and restart."),
    gettext_noop("%(answer)s Shorten the text, or set `max_tokens` to what the model takes."),
    gettext_noop("%(answer)s Check the model's name, `base_url`, `dimensions` and the key's rights."),
    gettext_noop(
        "%(model)s answered with a vector that is zero or not finite; try again, and look at the embedding "
        "server's log if it stays so."
    ),
    gettext_noop(
        "%(model)s gives vectors of %(given)s dimensions where %(expected)s are expected. Correct the option "
        "`dimensions`, or make a new embedding profile for the changed model."
    ),
    gettext_noop(
        "The profile %(profile)s is paused: %(reason)s Wait until it is used again, or resume it at its page "
        "in the admin."
    ),
    gettext_noop("The collection %(name)s has no passages yet. Add documents, and wait until they are indexed."),
    gettext_noop(
        "No question can be made from the passages of %(name)s: none has two sentences that say something. "
        "Give questions with the documents that answer them (--queries)."
    ),
    gettext_noop("A sample of %(count)s documents cannot be compared; give at least 1."),
    gettext_noop("%(count)s results cannot be looked at; choose from %(least)s to %(most)s."),
    gettext_noop("Name at least one embedding profile."),
    gettext_noop("A profile is named twice; name each once."),
    gettext_noop("The comparison was stopped."),
    gettext_noop("%(count)s of the profiles to compare were deleted; ask with others."),
    gettext_noop("The comparison was stopped, or somebody else is at it."),
    gettext_noop("A document needs a key of 1 to %(most)s characters; this one has %(count)s."),
    gettext_noop("The document %(key)s has neither text nor title, so there is nothing to search."),
    gettext_noop("The document %(key)s has %(count)s characters; at most %(most)s are taken. Split it."),
    gettext_noop("Markup %(markup)s is not known; use one of %(known)s."),
    gettext_noop(
        "The worker died or hung while it worked on this document alone. Look for this time in the worker's "
        "log; shorten or split the document, or give the worker more memory, then retry."
    ),
    gettext_noop("The document has no text that could be searched. Give it a text or a title."),
    gettext_noop(
        "The file holds more than a collection file does, or the same twice. Do not use it; export the "
        "collection again."
    ),
    gettext_noop("The file is protected by a password. Remove the protection first."),
    gettext_noop("The collection %(name)s has no index; it was deleted. Choose another one."),
    gettext_noop("The collection %(name)s has no index; it was deleted."),
    gettext_noop("Another index of %(name)s took over while it was exported, or it was deleted. Export it again."),
    gettext_noop("This system does not know the time zone %(zone)s. Update its tzdata."),
    gettext_noop(
        "The vectors of the file were made by the profile %(profile)s (fingerprint %(fingerprint)s), and "
        "%(other)s gives others (%(found)s). They are not used. Name a profile of the same model, or have "
        "the texts embedded anew by this one (--re-embed)."
    ),
    gettext_noop("The collection is embedded by another model now than the file. Import it anew."),
    gettext_noop("The file holds no collection of this site's format. Choose an exported one."),
    gettext_noop(
        "The file has version %(version)s of the format, and this site reads versions up to %(most)s. Update "
        "this site, or export the collection from one of this release."
    ),
    gettext_noop(
        "The embedder %(name)s no longer gives the vectors of the profile %(profile)s (its model, weights or "
        "options changed). Put the old model back, or make a new profile and rebuild with it."
    ),
    gettext_noop("The profile %(profile)s gives these very vectors already; use that one."),
    gettext_noop("The option `questions` must name a backend, and may name a model and options."),
    gettext_noop("A stored key is entered as the key of the profile, not as an option."),
    gettext_noop(
        "The database was restored from an older copy: the store holds the id %(found)s, and the last one "
        "given out is %(last)s. All its collections are rebuilt."
    ),
    gettext_noop("%(name)s was dropped meanwhile. Build another one."),
    gettext_noop("%(name)s is being copied anew into the vector store. Wait until that is done."),
    gettext_noop("%(reason)s It takes over by itself as soon as it can."),
    gettext_noop("The collection %(name)s was deleted; choose or create another one."),
    gettext_noop("The collection %(name)s was deleted; choose another one."),
    gettext_noop(
        "A chunk size of %(size)s cannot be used: choose one from %(least)s to %(most)s, as much as the "
        "model of the profile %(profile)s reads at once."
    ),
    gettext_noop("An overlap of %(overlap)s cannot be used: choose one from 0 to %(most)s."),
    gettext_noop("Give a value, or choose to clear the field."),
    gettext_noop("The field %(name)s holds one value; set it, clear it, or declare it as a list."),
    gettext_noop("The stored bytes of this file are gone. Upload it again."),
    gettext_noop("The file holds no rows of a table. Upload it as a file instead, or choose another one."),
    gettext_noop("The table has %(count)s columns; at most %(most)s can be chosen from. Upload it as a file instead."),
    gettext_noop(
        "`base_url` leads to %(host)s at %(address)s, a link-local, metadata or multicast address. No "
        "embedding server is there; correct `base_url`."
    ),
    gettext_noop(
        "%(model)s answered %(count)s texts with an array of shape %(shape)s; try again, and look at the "
        "embedding server's log if it stays so."
    ),
    gettext_noop("Chroma's default function runs %(installed)s alone, not %(model)s."),
    gettext_noop(
        "The model folder %(path)s has no %(name)s. It must hold a BERT-family encoder as saved by "
        "sentence-transformers or transformers (`save_pretrained`), with its weights in safetensors."
    ),
    gettext_noop(
        "%(path)s holds a model of type %(kind)s. Only %(known)s can be run here; serve others behind an "
        "OpenAI-compatible endpoint and use the backend OpenAIEmbedder."
    ),
    gettext_noop("The option `max_tokens` is %(wanted)s; %(path)s takes from 3 to %(most)s, special tokens included."),
    gettext_noop("OpenVINO is not installed. Run: pip install openvino; or leave the option `runtime` at auto."),
    gettext_noop("The options `dimensions` and `max_tokens` must be at least 1."),
    gettext_noop(
        "The model %(model)s is not installed; %(installed)s is. Give the folder of another in the option `folder`."
    ),
    gettext_noop("The option `threads` is %(threads)s; it must be at least 1."),
    gettext_noop("The option `runtime` is %(runtime)s; it must be one of: %(known)s."),
    gettext_noop("The option `encoding_format` is %(format)s; use base64 or float."),
    gettext_noop(
        "There is no embedding backend %(backend)s. Choose one of: %(known)s; or add it to EMBEDDERS in the settings."
    ),
    gettext_noop("The options of the embedding backend %(backend)s do not fit: %(error)s. It knows: %(known)s."),
    gettext_noop("Name the model that the endpoint is to use, for example text-embedding-3-small."),
    gettext_noop("The option `base_url` must look like https://host/v1."),
    gettext_noop("The option `tokenizer_file` names %(file)s, which is no file."),
    gettext_noop(
        "The options `timeout`, `max_tokens`, `dimensions`, `requests_per_minute` and `tokens_per_minute` "
        "must be above zero."
    ),
    gettext_noop(
        "The options `retries` and `patience` must not be below zero, and `concurrency` must be from 1 to 64."
    ),
    gettext_noop("Name the model, or the folder that holds it, for SentenceTransformers to run."),
    gettext_noop("The model %(model)s is a path of this machine. Give it in the option `folder`."),
    gettext_noop("The option `folder` names %(folder)s, which is no folder. Correct it."),
    gettext_noop("The option `max_tokens` is %(count)s; it must be at least 3."),
    gettext_noop("%(device)s has too little memory for %(model)s. Free some, or choose another `device`."),
    gettext_noop(
        "SentenceTransformers cannot load %(source)s: %(error)s. Correct `folder`, `model` or `device`; a "
        "model of the hub is downloaded only with the option `offline` set to false."
    ),
    gettext_noop("Name the model that the supplied vectors were made by."),
    gettext_noop("The option `dimensions` must be the length of the supplied vectors."),
    gettext_noop(
        "The vectors of %(model)s were supplied without a model for questions. Search by words, by more like "
        "this, or import them again with one."
    ),
    gettext_noop("Documents are still being taken into it, or were changed at this moment; the workers are at it."),
    gettext_noop(
        "Its audit found it out of step with the vector store (%(found)s). Rebuild it in the store, or repair it."
    ),
    gettext_noop("Its collection in the vector store is still being filled."),
    gettext_noop(
        "Documents that the serving index has have failed in it: %(count)s, such as %(keys)s. Correct or "
        "delete them, or retry them (admin, index entries)."
    ),
    gettext_noop("The index %(index)s cannot be dropped: it %(state)s."),
    gettext_noop("has been dropped already"),
    gettext_noop("serves now; activate another one first"),
)
_PLACE = re.compile(r"%\\\((\w+)\\\)s")


def in_readers_language(reason: str) -> str:
    """Return a reason as it is told in the active language; one that is not known stays as it is."""
    for template, pattern in _patterns():
        if found := pattern.fullmatch(reason):
            words = gettext(template)
            return words % {name: in_readers_language(value) for name, value in found.groupdict().items()}
    return reason


def explained(error: Exception) -> str:
    """Return what an error says as it is told in the active language."""
    return in_readers_language(str(error))


def is_known(reason: str) -> bool:
    """Return whether a reason can be told in other languages."""
    return any(pattern.fullmatch(reason) for _template, pattern in _patterns())


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    # Those with the fewest places first: what begins like another sentence and goes on with anything comes last.
    templates = sorted(_TEMPLATES, key=lambda template: (template.count("%("), -len(template)))
    return tuple((template, _pattern(template)) for template in templates)


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template).replace("%%", "%")
    return re.compile(_PLACE.sub(r"(?P<\1>.+?)", escaped), re.DOTALL)
