"""What vector stores answer and refuse, and why a collection in one is made anew."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop(
        "The vector store at %(url)s hung up (%(kind)s: %(error)s). Look whether it runs, and at the end of its log."
    ),
    gettext_noop(
        "The vector store at %(url)s was silent for %(seconds)s s. Look at its disk space and its log, and restart it "
        "if it stays so."
    ),
    gettext_noop("The vector store at %(url)s did not answer (%(kind)s: %(error)s). Start it, or correct its address."),
    gettext_noop("Collection %(name)s is broken: it answers with vectors that are not finite. Drop and rebuild it."),
    gettext_noop("The store has no collection %(name)s. Rebuild the index."),
    gettext_noop("The vector store %(alias)s is paused: %(reason)s"),
    gettext_noop("The vector store went down %(times)s times in a row when %(name)s was used."),
    gettext_noop("HNSW setting %(name)s is %(count)s; set it to 2 or more."),
    gettext_noop("HNSW setting batch_size is above sync_threshold; lower it."),
    gettext_noop("%(name)s cannot name a collection: use 3 to 512 letters, digits and single . _ - between them."),
    gettext_noop("Collection %(name)s has %(count)s dimensions; use a model that has some."),
    gettext_noop("Collection %(name)s exists already. Create it under another name."),
    gettext_noop(
        "Collection %(name)s holds records under ids that were only just given out, such as %(id)s: the database is "
        "older than the store. Rebuild the index."
    ),
    gettext_noop("Collection %(name)s holds the id %(id)s, which is not of this site's making. Drop and rebuild it."),
    gettext_noop("%(url)s is no address of a Chroma server. Write it as http://host:port."),
    gettext_noop("The timeout of the vector store is %(seconds)s seconds; set it above 0."),
    gettext_noop("Chroma said: %(said)s"),
    gettext_noop("The store has no collection %(name)s. Rebuild the index. %(said)s"),
    gettext_noop("Create the database in the vector store, or configure another one. %(said)s"),
    gettext_noop("The vector store refuses records for %(name)s: check their metadata. %(said)s"),
    gettext_noop("The vector store refuses the request about %(name)s. %(said)s"),
    gettext_noop("itself"),
    gettext_noop("Collection %(name)s is broken: drop and rebuild it. %(said)s"),
    gettext_noop(
        "The vector store cannot serve now. Check its log, its disk space and its address; if it stays so after that, "
        "restart it. %(said)s"
    ),
    gettext_noop(
        "The filter has %(clauses)s clauses, %(values)s values and %(levels)s levels; Chroma takes %(most_clauses)s, "
        "%(most_values)s and %(most_levels)s. Filter the answer instead."
    ),
    gettext_noop(
        "Chroma cannot negate '%(operator)s' (%(name)s) with the records that have no value. Filter the answer instead."
    ),
    gettext_noop("Chroma cannot compare text by '%(operator)s' (%(name)s). Filter the answer instead."),
    gettext_noop(
        "Chroma compares %(name)s exactly with integers up to 2^53 and floats up to a tenth of that; %(number)s is "
        "beyond. Filter the answer instead."
    ),
    gettext_noop(
        "Chroma compares %(name)s exactly with numbers of up to %(digits)s digits; %(number)s has more, or is too "
        "near to zero. Filter the answer instead."
    ),
    gettext_noop("There is no vector store %(alias)s with a BACKEND (there are: %(known)s). Add it to VECTOR_STORES."),
    gettext_noop("Vector store %(alias)s has the BACKEND %(path)s: %(error)s. Correct the path."),
    gettext_noop("Vector store %(alias)s has the BACKEND %(path)s, which is no VectorStore."),
    gettext_noop("Vector store %(alias)s does not take its OPTIONS: %(error)s. Correct them."),
    gettext_noop(
        "The query's vector has the shape %(shape)s, but collection %(name)s holds vectors of %(count)s numbers. "
        "Search it with the embedding profile that it was built from."
    ),
    gettext_noop(
        "The query's vector is not finite or has length zero. Check what the embedder answers to this question."
    ),
    gettext_noop("Record %(id)s takes %(size)s bytes, the store accepts %(most)s. Shorten its metadata."),
    gettext_noop("Record %(id)s is refused: an id is a whole number from 0 to %(most)s."),
    gettext_noop("Record %(id)s is given twice in one call. Send each id once."),
    gettext_noop(
        "Record %(id)s is refused: its vector has the shape %(shape)s, the collection holds vectors of %(count)s "
        "numbers. Embed it with the collection's profile."
    ),
    gettext_noop("Record %(id)s is refused: its vector is %(kind)s. Convert it to float32."),
    gettext_noop("Record %(id)s is refused: its vector is not finite or has length zero. Embed its text again."),
    gettext_noop("Record %(id)s is refused for its metadata key %(name)s, which %(problem)s."),
    gettext_noop("is not a non-empty text"),
    gettext_noop("begins with one of %(prefixes)s; rename it"),
    gettext_noop("has a lone surrogate; remove it"),
    gettext_noop("is an empty list; leave the key out"),
    gettext_noop("is a list of several types; make its items all text, all integers, all floats or all booleans"),
    gettext_noop("holds text with a lone surrogate; remove it"),
    gettext_noop("holds an integer beyond 64 bits; store it as text"),
    gettext_noop("holds %(value)s, which is not a finite number; leave it out"),
    gettext_noop("holds a %(kind)s; give text, an integer, a float, a boolean or a list of one of them"),
    gettext_noop("The filter on %(name)s: %(problem)s."),
    gettext_noop("'%(operator)s' takes %(expected)s"),
    gettext_noop("a tuple of values"),
    gettext_noop("one value"),
    gettext_noop("'%(operator)s' needs at least one value"),
    gettext_noop("values must be all text, all numbers or all booleans"),
    gettext_noop("booleans have no order, use 'eq' instead of '%(operator)s'"),
    gettext_noop("'%(operator)s' needs at least one clause; leave it out to filter nothing."),
    gettext_noop("new collection"),
    gettext_noop("built beside the serving index"),
    gettext_noop("an audit found the collection lost"),
    gettext_noop("an audit found %(wrong)s of %(count)s records wrong"),
    gettext_noop("asked for by %(user)s"),
)
