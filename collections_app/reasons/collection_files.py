"""What is wrong with a collection file, and in what an import differs from what was exported."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop(
        "The file holds more than a collection file does, or the same twice. Do not use it; export the collection "
        "again."
    ),
    gettext_noop("The file is protected by a password. Remove the protection first."),
    gettext_noop("The collection %(name)s has no index; it was deleted. Choose another one."),
    gettext_noop("The collection %(name)s has no index; it was deleted."),
    gettext_noop("Another index of %(name)s took over while it was exported, or it was deleted. Export it again."),
    gettext_noop("This system does not know the time zone %(zone)s. Update its tzdata."),
    gettext_noop(
        "The vectors of the file were made by the profile %(profile)s (fingerprint %(fingerprint)s), and %(other)s "
        "gives others (%(found)s). They are not used. Name a profile of the same model, or have the texts embedded "
        "anew by this one (--re-embed)."
    ),
    gettext_noop("The collection is embedded by another model now than the file. Import it anew."),
    gettext_noop("The file holds no collection of this site's format. Choose an exported one."),
    gettext_noop(
        "The file has version %(version)s of the format, and this site reads versions up to %(most)s. Update this "
        "site, or export the collection from one of this release."
    ),
    gettext_noop(
        "The file is damaged or incomplete, as happens when a copy or an upload breaks off. Copy it again, or export "
        "the collection again."
    ),
    gettext_noop("The file is damaged, or was changed after it was exported. Export the collection again."),
    gettext_noop("The file is damaged or was not written by this site's format; export it again."),
    gettext_noop(
        "Make a profile of this model and name it (--profile), or take the texts alone and have them embedded anew by "
        "a model of this site (--re-embed)."
    ),
    gettext_noop("There is no file %(path)s."),
    gettext_noop("It is no collection file. %(remedy)s"),
    gettext_noop("It is no collection file: %(names)s is missing. %(remedy)s"),
    gettext_noop("%(name)s has %(found)s bytes where %(expected)s are declared. %(remedy)s"),
    gettext_noop(
        "%(name)s has %(found)s bytes, which is not %(count)s vectors of %(dimensions)s dimensions. %(remedy)s"
    ),
    gettext_noop(
        "%(name)s unpacks to more than %(ratio)s times its packed size, as no exported collection does. Do not use "
        "this file."
    ),
    gettext_noop("%(name)s is longer than %(most)s bytes. %(remedy)s"),
    gettext_noop("%(name)s has a line of more than %(most)s bytes. %(remedy)s"),
    gettext_noop("%(name)s ends in the middle of a line. %(remedy)s"),
    gettext_noop("%(name)s cannot be unpacked. %(remedy)s"),
    gettext_noop("%(name)s is not what was exported: its sha256 differs. %(remedy)s"),
    gettext_noop("%(name)s is no NumPy file of version 1.0 (%(error)s). %(remedy)s"),
    gettext_noop(
        "%(name)s holds %(kind)s %(shape)s where %(expected_kind)s %(expected_shape)s is declared. %(remedy)s"
    ),
    gettext_noop("%(name)s ends too early. %(remedy)s"),
    gettext_noop("%(name)s holds more than is declared. %(remedy)s"),
    gettext_noop("%(path)s cannot be written: %(error)s. Choose another place."),
    gettext_noop(
        "This site has no profile of the model %(model)s by which the vectors of the file were made. An administrator "
        "has to make it, or to import the file. %(remedy)s"
    ),
    gettext_noop(
        "This site has no profile of the model %(model)s by which the vectors of the file were made, and none can be "
        "made from the file: %(error)s Make a profile of this model and name it (--profile), or take the texts alone "
        "and have them embedded anew by a model of this site (--re-embed)."
    ),
    gettext_noop("The vectors of the file are not used; %(profile)s embeds the texts anew."),
    gettext_noop("The file holds no vectors, so all passages are embedded here."),
    gettext_noop(
        "This site cuts texts otherwise than the one that wrote the file (%(different)s of %(count)s documents that "
        "were compared): passages that differ are embedded here."
    ),
    gettext_noop(
        "Words are analysed by version %(here)s here and were by version %(there)s: what is found by words may differ."
    ),
    gettext_noop("%(where)s is no valid JSON (%(error)s). %(remedy)s"),
    gettext_noop("%(where)s is %(kind)s where an object is expected. %(remedy)s"),
    gettext_noop("%(where)s: %(name)s is missing; it must be %(expected)s. %(remedy)s"),
    gettext_noop("%(where)s: %(name)s is %(found)s; it must be %(expected)s. %(remedy)s"),
    gettext_noop("%(kind)s, or out of bounds"),
    gettext_noop("an object"),
    gettext_noop("a list"),
    gettext_noop("a text"),
    gettext_noop("a number"),
    gettext_noop("true or false"),
    gettext_noop("a list of at most %(most)s"),
    gettext_noop("a text of %(least)s to %(most)s characters"),
    gettext_noop("one of these: %(known)s"),
    gettext_noop("a whole number from %(least)s to %(most)s"),
    gettext_noop("a number from 0 to 1"),
    gettext_noop("%(count)s bytes in hexadecimal digits"),
    gettext_noop("%(where)s: two fields have the same name. %(remedy)s"),
    gettext_noop("%(where)s: a heading is no text. %(remedy)s"),
    gettext_noop("documents.jsonl, line %(number)s"),
    gettext_noop("chunks.jsonl, line %(number)s"),
    gettext_noop("A chunk belongs to the document %(key)s, which is not there, or not in its place. %(remedy)s"),
    gettext_noop("Two documents have the same key. %(remedy)s"),
    gettext_noop("%(count)s vectors belong to no text of the file. %(remedy)s"),
    gettext_noop("A vector is not finite, or not of length 1. %(remedy)s"),
    gettext_noop("The digests of the vectors are not in ascending order. %(remedy)s"),
    gettext_noop("A chunk of the document %(key)s is not in its place. %(remedy)s"),
    gettext_noop("A chunk of the document %(key)s is not the text that its vector was made of. %(remedy)s"),
    gettext_noop("A chunk of the document %(key)s has no vector. %(remedy)s"),
    gettext_noop(
        "The file holds %(documents)s documents and %(chunks)s chunks where %(declared_documents)s and "
        "%(declared_chunks)s are declared. %(remedy)s"
    ),
)
