"""What `manage.py check_index` says by its exit status."""

import json

import pytest
from django.core.management import CommandError, call_command

from collections_app import audit
from collections_app.exceptions import VectorStoreUnavailable
from collections_app.models import Collection
from tests.conftest import Drain, save

pytestmark = pytest.mark.django_db


def test_strays_that_cannot_be_looked_for_are_not_none(
    collection: Collection,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(collection, "a", "Text.")
    drain(collection)
    call_command("check_index")

    def unavailable(alias: str) -> list[str]:
        raise VectorStoreUnavailable("Nobody answers.")

    monkeypatch.setattr(audit, "stray_collections", unavailable)
    capsys.readouterr()
    with pytest.raises(CommandError, match="default could not be listed") as ended:
        call_command("check_index", "--json")
    assert ended.value.returncode == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["indexes"][0]["in_step"], told["unlisted_stores"]) == (True, ["default"])
