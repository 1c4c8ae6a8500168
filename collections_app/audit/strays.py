"""Physical collections that carry this site's id and that SQL does not know, or knows to be dropped."""

from collections_app.models import PhysicalCollection, PhysicalState, SiteIdentity, VectorIndex
from collections_app.vectorstores import load_vector_store


def stray_collections(alias: str) -> list[str]:
    """Return the names of stray collections in a store. Those of other sites, or of none, are never among them.

    The store is asked first: a name is in SQL before the collection is made.
    """
    ours = SiteIdentity.current()
    names = [stored.name for stored in load_vector_store(alias).collections() if stored.site_id == ours]
    known = PhysicalCollection.objects.exclude(state=PhysicalState.DROPPED).filter(index__store=alias)
    return sorted(set(names) - set(known.values_list("name", flat=True)))


def drop_strays(alias: str) -> list[str]:
    """Drop the stray collections of a store; return their names."""
    names = stray_collections(alias)
    for name in names:
        load_vector_store(alias).drop(name)
    return names


def stores_in_use() -> list[str]:
    """Return the aliases of the stores in which this site has or had an index."""
    return sorted(set(VectorIndex.objects.order_by().values_list("store", flat=True)))
