"""Usage, prices, budgets and estimates in the admin."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from collections_app import profiles
from collections_app.admin.dashboard import read_dashboard
from collections_app.health import CHECKS
from collections_app.models import (
    Budget,
    Collection,
    EmbeddingProfile,
    Import,
    IndexEntry,
    SourceFile,
    TrailRecord,
    Usage,
    User,
    Visibility,
)
from tests.collections_app.admin_pages import list_page, page, staff_member, text_of
from tests.collections_app.test_admin_upload import files, upload
from tests.collections_app.test_budgets import give, waiting
from tests.collections_app.test_usage import priced
from tests.conftest import Drain, live_texts, save, serving_index

pytestmark = pytest.mark.django_db
USAGE = list_page(Usage)


def facts_of(response: Any) -> dict[str, str]:
    parts = response.context["parts"]
    facts = parts["facts"] if isinstance(parts, dict) else parts.facts
    return {str(fact.label): strip_tags(str(fact.value)) for fact in facts}


def rows_of(response: Any, title: str) -> list[list[str]]:
    (panel,) = [panel for panel in response.context["parts"].panels if panel.title == title]
    return [[strip_tags(str(cell)) for cell in row] for row in panel.rows]


@pytest.fixture
def used(collection: Collection, drain: Drain) -> Collection:
    priced(collection, "2", "EUR")
    save(collection, "a", "One two three.")
    save(collection, "b", "火车来了 too 🚂")
    drain(collection)
    Usage.objects.filter(purpose="u").delete()
    return collection


def test_usage_is_summed_by_day_profile_collection_and_purpose(used: Collection, admin_client: Client) -> None:
    shown = admin_client.get(USAGE)
    facts = facts_of(shown)
    assert (facts["Tokens"], facts["Texts embedded"], facts["Money"]) == ("8", "2", "0.000016 EUR")
    assert rows_of(shown, "By collection")[0][:4] == ["Notes", "8", "1", "2"]
    assert rows_of(shown, "By day")[0][0] == str(timezone.localdate())
    assert rows_of(shown, "By purpose")[0][0] == "Passages"
    assert rows_of(shown, "By profile")[0][0] == serving_index(used).profile.name
    assert text_of(shown).count("<rect") == 1


def test_a_period_a_profile_and_a_collection_narrow_it(used: Collection, admin_client: Client) -> None:
    day = timezone.localdate() - timedelta(days=100)
    Usage.objects.filter(purpose="p").update(day=day)
    assert facts_of(admin_client.get(USAGE))["Tokens"] == "0"
    assert facts_of(admin_client.get(USAGE, {"since": str(day)}))["Tokens"] == "8"
    assert facts_of(admin_client.get(USAGE, {"until": str(day)}))["Tokens"] == "8"
    only = {"until": str(day), "collection": str(used.public_id)}
    assert facts_of(admin_client.get(USAGE, only))["Tokens"] == "8"
    wrong = admin_client.get(USAGE, {"since": "2030-02-01", "until": "2030-01-01"})
    assert "This day is before the first one" in text_of(wrong)
    assert "Enter a valid date" in text_of(admin_client.get(USAGE, {"since": "yesterday"}))


def test_many_days_are_drawn_as_few_bars(used: Collection, admin_client: Client) -> None:
    row = Usage.objects.get(purpose="p")
    for days in (1, 200, 400):
        row.pk, row.day = None, timezone.localdate() - timedelta(days=days)
        row.save(force_insert=True)
    shown = admin_client.get(USAGE, {"since": "2000-01-01"})
    bars = shown.context["chart"].bars
    assert len(bars) <= 92
    assert sum(1 for bar in bars if bar.height) in {3, 4}


def test_usage_is_downloaded_as_csv_that_a_spreadsheet_takes(used: Collection, admin_client: Client) -> None:
    Usage.objects.update(collection_name="=HYPERLINK(1)")
    answer = admin_client.get(USAGE, {"format": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    (row,) = csv.DictReader(StringIO(text_of(answer).removeprefix("\ufeff")))
    assert (row["tokens"], row["money"], row["currency"], row["collection_name"]) == (
        "8", "0.000016", "EUR", "'=HYPERLINK(1)",
    )  # fmt: skip


def test_who_may_not_read_a_collection_sees_neither_its_usage_nor_its_budget(used: Collection, client: Client) -> None:
    give(used, 1)
    Collection.objects.update(visibility=Visibility.PRIVATE)
    client.force_login(staff_member("ann", "view_usage", "view_budget"))
    shown = client.get(USAGE)
    assert facts_of(shown)["Tokens"] == "0"
    assert "Notes" not in text_of(shown)
    assert "Notes" not in text_of(client.get(list_page(Budget)))
    client.force_login(staff_member("bo"))
    assert client.get(USAGE).status_code == 403


def test_a_price_is_given_with_the_profile_and_changed_later(collection: Collection, admin_client: Client) -> None:
    add = reverse("admin:collections_app_embeddingprofile_add")
    form = {"name": "Dear", "backend": "meaningless", "options": '{"dimensions": 48}', "price": "0.13"}
    assert "Name the currency" in text_of(admin_client.post(add, form))
    assert "Three capital letters" in text_of(admin_client.post(add, form | {"currency": "$"}))
    admin_client.post(add, form | {"currency": "USD"})
    profile = EmbeddingProfile.objects.get(name="Dear")
    assert (profile.price, profile.currency) == (Decimal("0.13"), "USD")
    admin_client.post(page(profile), {"name": "Dear", "price": "0.2", "currency": "USD"})
    profile.refresh_from_db()
    assert profile.price == Decimal("0.2")
    filled = admin_client.get(f"{add}?preset=text-embedding-3-large").context["form"]
    assert (filled["price"].value(), filled["currency"].value()) == (Decimal("0.13"), "USD")


def test_a_budget_is_set_raised_and_deleted_and_what_waited_goes_on(
    collection: Collection, drain: Drain, admin_client: Client
) -> None:
    add = reverse("admin:collections_app_budget_add")
    form = {"collection": collection.pk, "period": "month", "unit": "tokens", "amount": "2"}
    assert admin_client.post(add, form).status_code == 302
    budget = Budget.objects.get()
    save(collection, "a", "One two three.")
    drain(collection)
    assert waiting(collection) == ["a"]
    shown = text_of(admin_client.get(page(budget)))
    assert "is used up. It goes on by itself on" in shown
    assert "0 of 2 tokens" in shown
    admin_client.post(page(budget), form | {"amount": "3"})
    drain(collection)
    assert live_texts(collection) == ["One two three."]
    save(collection, "b", "Four.")
    drain(collection)
    admin_client.post(page(budget, "delete"), {"post": "yes"})
    drain(collection)
    assert sorted(live_texts(collection)) == ["Four.", "One two three."]
    actions = TrailRecord.objects.filter(object_id=budget.public_id).values_list("action", flat=True)
    assert list(actions) == ["deleted", "changed", "created"]


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"collection": ""}, "a budget is for something"),
        ({"amount": "-1"}, "greater than or equal to 0"),
        ({"unit": "money"}, "Name the currency of the money"),
        ({"unit": "money", "currency": "EUR", "profile": "yes"}, "a budget in another currency would never be reached"),
    ],
)
def test_a_budget_that_could_not_hold_is_refused_with_the_remedy(
    collection: Collection, admin_client: Client, wrong: dict[str, str], remedy: str
) -> None:
    profile = priced(collection, "1", "USD")
    form = {"collection": collection.pk, "period": "month", "unit": "tokens", "amount": "2"} | wrong
    if "profile" in form:
        form["profile"] = profile.pk
    answer = admin_client.post(reverse("admin:collections_app_budget_add"), form)
    assert remedy in text_of(answer)
    assert "is violated" not in text_of(answer)
    assert not Budget.objects.exists()


def test_a_budget_that_is_used_up_is_told_wherever_pauses_are(
    collection: Collection, drain: Drain, admin_client: Client, admin_user: User
) -> None:
    give(collection, 0)
    save(collection, "a", "One two three.")
    drain(collection)
    (warning,) = read_dashboard(admin_user).warnings
    assert "The budget “Notes: 0 tokens in all” is used up" in warning
    assert "1 documents wait." in warning
    assert "1 documents wait for a budget" in text_of(admin_client.get(page(collection)))
    entry = IndexEntry.objects.get()
    assert "is used up" in text_of(admin_client.get(page(entry)))
    assert "is used up" in text_of(admin_client.get(list_page(IndexEntry)))
    (found,) = next(check for check in CHECKS if check.name == "budgets").look()
    assert (found.level, "1 documents wait" in found.found) == ("warning", True)
    assert "budgets" in admin_client.get("/readyz").json()["checks"]


def test_a_rebuild_is_estimated_with_money_what_is_found_and_the_budget(used: Collection, admin_client: Client) -> None:
    rebuild = reverse("admin:collections_app_collection_rebuild", args=[used.pk])
    settings = {"profile": serving_index(used).profile_id, "chunk_size": "32", "chunk_overlap": "0"}
    same = facts_of(admin_client.post(rebuild, settings))
    assert (same["Passages"], same["Passages to embed"], same["Vectors found in SQL"]) == ("2", "0", "2")
    assert same["Money"] == "0 EUR"

    other = profiles.create_profile(
        "Other", backend="meaningless", options={"dimensions": 48}, price=Decimal(3), currency="USD"
    )
    give(used, 10)
    shown = facts_of(admin_client.post(rebuild, settings | {"profile": other.pk}))
    assert (shown["Passages to embed"], shown["Tokens to embed"], shown["Money"]) == ("2", "8", "0.000024 USD")
    assert shown["Budget"] == "has less room"


def test_an_upload_is_estimated_and_nothing_is_kept(used: Collection, admin_client: Client) -> None:
    give(used, 9)
    shown = upload(
        admin_client, used, files(a_txt=b"One two three.", b_md=b"# Other words\n", c_txt=b""), only_estimate="on"
    )
    facts = facts_of(shown)
    assert facts["Documents"] == "2"
    assert int(facts["Tokens to embed"]) > 1
    assert facts["Money"].endswith(" EUR")
    assert facts["Budget"] == "has less room"
    assert "3 files: 0 are unchanged and cost nothing, 3 were read now. None was kept." in text_of(shown)
    assert "c.txt: The file is empty" in text_of(shown)
    assert not SourceFile.objects.exists()
    assert not Import.objects.exists()


def test_after_an_upload_its_page_says_what_waits_to_be_embedded(used: Collection, admin_client: Client) -> None:
    from collections_app import sources

    Usage.objects.filter(purpose="p").update(tokens=2000, characters=8000, milliseconds=4000)
    upload(admin_client, used, files(a_txt=b"x" * 79 + b".", b_txt=b"Another."))
    first, _second = SourceFile.objects.order_by("pk")
    import_page = page(Import.objects.get())
    assert "2 files are not read yet" in text_of(admin_client.get(import_page))
    sources.extract(first.pk)
    shown = admin_client.get(import_page)
    facts = facts_of(shown)
    assert (facts["To be embedded"], facts["Tokens to embed"]) == ("1 documents", "≈ 20")
    assert facts["Money"] == "≈ 0.00004 EUR"
    assert "at most, by their length" in text_of(shown)
