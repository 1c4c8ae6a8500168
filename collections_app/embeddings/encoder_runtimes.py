"""What runs an encoder's graph on the CPU: ONNX Runtime in float32, or OpenVINO in bfloat16 where the processor has it.

Both get the same graph and the same weights, so they give the same vectors up to rounding; measured with
all-MiniLM-L6-v2, the cosine between the two is 0.99995 on average and 0.9999 at least.
"""

import logging
import sys
import threading
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from collections_app.embeddings.base import Vectors
from collections_app.embeddings.encoder_folder import EncoderFolder
from collections_app.exceptions import EmbedderMisconfigured

if TYPE_CHECKING:
    from openvino import Core, InferRequest

logger = logging.getLogger(__name__)

RuntimeName: TypeAlias = Literal["auto", "onnxruntime", "openvino"]
Tokens: TypeAlias = npt.NDArray[np.int64]


class EncoderRuntime(Protocol):
    """A loaded encoder. Safe to use from several threads."""

    # The most tokens of a run, padding included, that measured fastest: larger ones leave the core's cache.
    tokens_per_run: int
    # Lengths are rounded up to a multiple: a runtime that compiles for each shape of its input meets few of them.
    length_step: int

    def run(self, ids: Tokens, mask: Tokens) -> Vectors:
        """Return the pooled vectors, float32 [batch, width], of ids and mask [batch, length]."""


def load_encoder(folder: EncoderFolder, *, runtime: RuntimeName, threads: int) -> EncoderRuntime:
    """Read the weights and make them ready to run. Raises EmbedderMisconfigured if `runtime` cannot be had here."""
    if runtime == "auto":
        runtime = "openvino" if find_spec("openvino") and _multiplies_bfloat16() else "onnxruntime"
        logger.debug("%s is run by %s", folder.path, runtime)
    elif runtime == "openvino" and not find_spec("openvino"):
        raise EmbedderMisconfigured(
            "OpenVINO is not installed. Run: pip install openvino; or leave the option `runtime` at auto."
        )
    return (OpenVINO if runtime == "openvino" else ONNXRuntime)(folder, threads=threads)


class ONNXRuntime:
    """Runs in float32, in the thread that calls."""

    tokens_per_run = 512
    length_step = 1

    def __init__(self, folder: EncoderFolder, *, threads: int) -> None:
        import onnxruntime

        from collections_app.embeddings.encoder_graph import build_encoder_graph

        graph = build_encoder_graph(folder.shape, folder.weights())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Waiting threads would otherwise spin, at the cost of the other processes on the machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in graph.weights.values()]
        options.add_external_initializers(list(graph.weights), values)
        self._session = onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])

    def run(self, ids: Tokens, mask: Tokens) -> Vectors:
        from collections_app.embeddings.encoder_graph import ATTENTION_MASK, INPUT_IDS, POOLED

        pooled: Vectors = self._session.run([POOLED], {INPUT_IDS: ids, ATTENTION_MASK: mask})[0]
        return pooled


class OpenVINO:
    """Runs in bfloat16 with sums in float32, in a thread of its own; who calls at the same time waits in line."""

    tokens_per_run = 1024
    length_step = 16

    def __init__(self, folder: EncoderFolder, *, threads: int) -> None:
        from collections_app.embeddings.encoder_graph import build_encoder_graph

        self._graph = build_encoder_graph(folder.shape, folder.weights())
        core = _core()
        self._model = core.compile_model(
            core.read_model(self._graph.with_addresses()),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16",
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                # Each worker process would otherwise pin its threads to the same first cores.
                "ENABLE_CPU_PINNING": False,
            },
        )
        # One thread at a time, as with one stream anyway: `create_infer_request` keeps the interpreter's lock while it
        # waits for a run in another thread, which waits for that lock, and then nobody ever goes on.
        self._lock = threading.Lock()
        self._request: InferRequest = self._model.create_infer_request()

    def run(self, ids: Tokens, mask: Tokens) -> Vectors:
        from collections_app.embeddings.encoder_graph import ATTENTION_MASK, INPUT_IDS, POOLED

        with self._lock:
            # A copy, so that the next run does not change it.
            pooled: Vectors = self._request.infer({INPUT_IDS: ids, ATTENTION_MASK: mask}, share_inputs=True)[POOLED]
        return pooled


def _multiplies_bfloat16() -> bool:
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _core() -> "Core":
    # Where this package is found, importing OpenVINO reports it to its makers over the network.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    from openvino import Core

    return Core()
