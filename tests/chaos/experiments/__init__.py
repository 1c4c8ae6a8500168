"""All experiments, by name. The names are stable: reports and documentation refer to them."""

from tests.chaos.experiment import Experiment
from tests.chaos.experiments import broker, database, documents, embedder, healing, store, workers

_MODULES = (workers, store, broker, documents, embedder, healing, database)

EXPERIMENTS: dict[str, type[Experiment]] = {
    experiment.name: experiment for module in _MODULES for experiment in module.EXPERIMENTS
}
