import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collections_app import calibration
from collections_app.exceptions import VectorsiteError
from collections_app.management.naming import collection_named
from collections_app.models import VectorIndex


class Command(BaseCommand):
    help = (
        "Learn from a collection's own passages what meaning weighs beside words in its searches. Workers do so by "
        f"themselves when it has doubled. Embeds at most {2 * calibration.MOST_QUESTIONS} short texts, and asks nobody."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="NAME", help="name or slug of the collection")
        parser.add_argument("--json", action="store_true", help="write the evidence as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        index = _serving_index(options["collection"])
        try:
            calibration.calibrate(index)
        except VectorsiteError as error:
            raise CommandError(str(error)) from error
        index.refresh_from_db()
        if options["json"]:
            self.stdout.write(json.dumps({"weight": index.semantic_weight, **index.calibration}, ensure_ascii=False))
            return
        if index.semantic_weight is None:
            self.stdout.write(
                f"{index.calibration.get('questions', 0)} sentences could be asked about, and "
                f"{calibration.FEWEST_QUESTIONS} are needed: the default weight stays."
            )
            return
        for name, known in [("all", index.calibration), *index.calibration["languages"].items()]:
            self.stdout.write(
                f"{name}: {known['questions']} questions, nDCG@10 by meaning {known['semantic']:.3f}, by words "
                f"{known['lexical']:.3f}, by both {known['hybrid']:.3f}; meaning weighs {known['weight']:.2f}"
            )
        override = index.collection.semantic_weight
        if override is not None:
            self.stdout.write(f"The collection's own setting, {override:.2f}, goes before that.")


def _serving_index(name: str) -> VectorIndex:
    chosen = collection_named(name)
    index = VectorIndex.objects.select_related("profile", "collection").filter(pk=chosen.serving_index_id or 0).first()
    if index is None:
        raise CommandError(f"The collection {name!r} has no index that serves.")
    return index
