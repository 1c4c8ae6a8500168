"""`manage.py check_index` proves that the vector store holds what SQL says, or names what it does not."""

import json
import re

import chromadb
import pytest

from tests.site.visitor import Visitor
from tests.site_process import SiteProcess
from tests.vectorsite.stage import wait_until
from vectorsite.private import LOOPBACK, endpoints

UNKNOWN_ID = 10**9


@pytest.fixture(scope="module")
def maps(site: SiteProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A collection of five documents."""
    folder = tmp_path_factory.mktemp("maps")
    for number in range(1, 6):
        (folder / f"map{number}.txt").write_text(f"Map number {number} of the coast.")
    ran = site.manage("ingest", str(folder), "--collection", "Maps")
    assert ran.returncode == 0, ran.stderr
    return "maps"


@pytest.mark.slow
def test_what_was_changed_in_the_store_by_hand_is_named_and_a_rebuild_mends_it(
    site: SiteProcess, administrator: Visitor, maps: str
) -> None:
    before = site.manage("check_index", maps, "--deep")
    assert before.returncode == 0
    assert "5 documents, 0 failed; 5 live chunks in SQL, 5 ids in " in before.stdout
    missing = _change_by_hand(site, _collection_named_in(before.stdout))
    after = site.manage("check_index", maps)
    assert after.returncode == 1
    assert "5 live chunks in SQL, 4 ids in " in after.stdout
    assert "NOT in step" in after.stdout
    assert f"  ids_missing_in_store: 2, such as {missing[0]} (map" in after.stdout
    assert f"  ids_unknown_or_not_live: 1, such as {UNKNOWN_ID}. Run it again with --repair" in after.stdout
    assert "1 of 1 indexes are not in step." in after.stderr
    assert len(administrator.titles("coast", maps)) == 5, "the answer comes from SQL"
    administrator.submit(_index_page(administrator, "Maps"), field="action", values={"action": "rebuild"})
    wait_until(lambda: _is_in_step_under_a_new_name(site, maps, before.stdout))


def test_repair_mends_what_was_changed_by_hand(site: SiteProcess, maps: str) -> None:
    name = _collection_named_in(site.manage("check_index", maps).stdout)
    _change_by_hand(site, name, count=1)
    mended = site.manage("check_index", maps, "--deep", "--repair", "--wait")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "  repaired ids_missing_in_store: 1" in mended.stdout.splitlines()
    assert "  repaired ids_unknown_or_not_live: 1" in mended.stdout.splitlines()
    assert _collection_named_in(mended.stdout) == name
    told = json.loads(site.manage("check_index", maps, "--json").stdout)
    assert [index["in_step"] for index in told["indexes"]] == [True]


@pytest.mark.slow
def test_everything_on_the_site_is_in_step(site: SiteProcess, maps: str) -> None:
    ran = site.manage("check_index", "--deep")
    *indexes, summary = ran.stdout.splitlines()
    assert ran.returncode == 0, ran.stdout
    assert all(line.endswith(": in step") for line in indexes)
    assert summary == f"All {len(indexes)} indexes are in step with the vector store."


def _change_by_hand(site: SiteProcess, name: str, *, count: int = 2) -> list[int]:
    """Delete some ids from a collection and add one that SQL does not know; return those deleted."""
    client = chromadb.HttpClient(host=LOOPBACK, port=endpoints(site.var_dir).chroma_port)
    collection = client.get_collection(name, embedding_function=None)
    ids = sorted(collection.get(include=[])["ids"], key=int)[:count]
    vector = collection.get(ids=ids[:1], include=["embeddings"])["embeddings"]
    collection.delete(ids=ids)
    collection.add(ids=[str(UNKNOWN_ID)], embeddings=vector)
    return [int(chunk_id) for chunk_id in ids]


def _collection_named_in(output: str) -> str:
    (name,) = re.findall(r"ids in (\S+):", output)
    return str(name)


def _is_in_step_under_a_new_name(site: SiteProcess, slug: str, before: str) -> bool:
    ran = site.manage("check_index", slug, "--deep")
    return ran.returncode == 0 and _collection_named_in(ran.stdout) != _collection_named_in(before)


def _index_page(administrator: Visitor, collection: str) -> str:
    page = administrator.read("/admin/collections_app/vectorindex/")
    (address,) = page.xpath(f'//table//a[contains(@href, "/change/") and contains(., "{collection}")]/@href')
    return str(address)
