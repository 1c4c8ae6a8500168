"""The ONNX graph of a BERT-family encoder, built from its shape and its weights.

The formulas are those of Vaswani et al., "Attention Is All You Need" (2017), and Devlin et al., "BERT" (2019):
post-norm transformer layers, learned positions, one token type.

Linear layers are Gemm nodes over [batch * length, width]: they take PyTorch's [out, in] matrices as they are stored.
Standard operators measure as fast as ONNX Runtime's fused attention, which is tied to its version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from collections_app.embeddings.encoder_folder import EncoderShape
from collections_app.exceptions import EmbedderMisconfigured

INPUT_IDS, ATTENTION_MASK, POOLED = "input_ids", "attention_mask", "pooled"

_OPSET = 20  # the first with Gelu
_IR_VERSION = 10
_MASKED = np.float32(-1e9)
_IN_MEMORY = "*/_ORT_MEM_ADDR_/*"


@dataclass(frozen=True, slots=True)
class EncoderGraph:
    """A serialised ONNX model, and the weights that it declares as external data, by name.

    Inputs: `input_ids` and `attention_mask`, int64 [batch, length]. Output: `pooled`, float32 [batch, width].
    """

    model: bytes
    weights: Mapping[str, npt.NDArray[np.float32]]

    def with_addresses(self) -> bytes:
        """Return the model saying where in this process's memory each weight is, as OpenVINO reads it without a copy.

        The weights have to be kept as long as what was made of it.
        """
        model: ModelProto = ModelProto.FromString(self.model)
        for tensor in model.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                weight = self.weights[tensor.name]
                del tensor.external_data[:]
                tensor.external_data.add(key="location", value=_IN_MEMORY)
                tensor.external_data.add(key="offset", value=str(weight.ctypes.data))
                tensor.external_data.add(key="length", value=str(weight.nbytes))
        serialised: bytes = model.SerializeToString()
        return serialised


def build_encoder_graph(shape: EncoderShape, weights: Mapping[str, npt.NDArray[np.float32]]) -> EncoderGraph:
    """Build the graph. Raises EmbedderMisconfigured when `weights` lack a tensor that `shape` calls for."""
    draft = _Draft(weights)
    mask = draft.node("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
    _pool(draft, shape, _encode(draft, shape, mask), mask)
    return draft.finished([INPUT_IDS, ATTENTION_MASK], {POOLED: ["batch", shape.width]})


def build_exported_model(shape: EncoderShape, weights: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    """Return a model as PyTorch exports one: weights in it, `token_type_ids` (unused) as third input, no pooling.

    Output: `last_hidden_state`, float32 [batch, length, width].
    """
    draft = _Draft(weights)
    mask = draft.node("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
    draft.node("Identity", _encode(draft, shape, mask), output="last_hidden_state")
    graph = draft.finished(
        [INPUT_IDS, ATTENTION_MASK, "token_type_ids"], {"last_hidden_state": ["batch", "length", shape.width]}
    )
    model: ModelProto = ModelProto.FromString(graph.model)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            tensor.raw_data = graph.weights[tensor.name].tobytes()
    serialised: bytes = model.SerializeToString()
    return serialised


def _encode(draft: "_Draft", shape: EncoderShape, mask: str) -> str:
    """Return [batch, length, width]: what the last layer makes of each token."""
    size = draft.node("Shape", INPUT_IDS)
    hidden = _embed_tokens(draft, shape, size)
    bias = draft.node("Unsqueeze", mask, draft.constant([1, 2]))
    bias = draft.node("Mul", draft.node("Sub", draft.constant(np.float32(1)), bias), draft.constant(_MASKED))
    by_head = draft.node("Concat", size, draft.constant([shape.heads, shape.width // shape.heads]), axis=0)
    for layer in range(shape.layers):
        hidden = _layer(draft, shape, f"encoder.layer.{layer}", hidden, bias=bias, by_head=by_head)
    by_text = draft.node("Concat", size, draft.constant([shape.width]), axis=0)
    return draft.node("Reshape", hidden, by_text)


class _Draft:
    """The nodes and initialisers of a graph that is being written; a value is referred to by its name."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._weights = weights
        self._used: dict[str, npt.NDArray[np.float32]] = {}
        self._nodes: list[NodeProto] = []
        self._initialisers: list[TensorProto] = []

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: int | Sequence[int] | np.float32) -> str:
        name = f"constant_{len(self._initialisers)}"
        array = np.asarray(value) if isinstance(value, np.float32) else np.asarray(value, dtype=np.int64)
        self._initialisers.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str) -> str:
        """Declare a weight as external data: its bytes stay out of the model, which protobuf limits to 2 GiB."""
        if name not in self._used:
            if name not in self._weights:
                raise EmbedderMisconfigured(
                    f"The weights hold no {name!r}; they are not those of the model in config.json."
                )
            self._used[name] = np.ascontiguousarray(self._weights[name])
            tensor = TensorProto(
                name=name,
                data_type=TensorProto.FLOAT,
                dims=self._used[name].shape,
                data_location=TensorProto.EXTERNAL,
            )
            tensor.external_data.add(key="location", value="weights")
            self._initialisers.append(tensor)
        return name

    def linear(self, name: str, rows: str) -> str:
        return self.node("Gemm", rows, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), transB=1)

    def layer_norm(self, name: str, rows: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", rows, scale, bias, epsilon=epsilon, axis=-1)

    def finished(self, inputs: Sequence[str], outputs: Mapping[str, Sequence[str | int]]) -> EncoderGraph:
        tokens = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in inputs]
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name, axes in outputs.items()]
        graph = helper.make_graph(self._nodes, "encoder", tokens, results, self._initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        return EncoderGraph(model=model.SerializeToString(), weights=self._used)


def _embed_tokens(draft: _Draft, shape: EncoderShape, size: str) -> str:
    """Return [batch * length, width]: word + position + the first token type, normalised."""
    table = "embeddings.{}_embeddings.weight"
    first = draft.constant([shape.first_position])
    length = draft.node("Slice", size, draft.constant([1]), draft.constant([2]))
    positions = draft.node(
        "Slice", draft.weight(table.format("position")), first, draft.node("Add", length, first), draft.constant([0])
    )
    first_type = draft.node("Slice", draft.weight(table.format("token_type")), draft.constant([0]), draft.constant([1]))
    words = draft.node("Gather", draft.weight(table.format("word")), INPUT_IDS)
    total = draft.node("Add", words, draft.node("Add", positions, first_type))
    rows = draft.node("Reshape", total, draft.constant([-1, shape.width]))
    return draft.layer_norm("embeddings.LayerNorm", rows, shape.layer_norm_epsilon)


def _layer(draft: _Draft, shape: EncoderShape, name: str, rows: str, *, bias: str, by_head: str) -> str:
    """Return [batch * length, width]: self-attention and feed-forward, each added to its input and normalised."""
    attended = _attention(draft, shape, f"{name}.attention", rows, bias=bias, by_head=by_head)
    rows = draft.node("Add", draft.linear(f"{name}.attention.output.dense", attended), rows)
    rows = draft.layer_norm(f"{name}.attention.output.LayerNorm", rows, shape.layer_norm_epsilon)
    inner = _activation(draft, shape, draft.linear(f"{name}.intermediate.dense", rows))
    rows = draft.node("Add", draft.linear(f"{name}.output.dense", inner), rows)
    return draft.layer_norm(f"{name}.output.LayerNorm", rows, shape.layer_norm_epsilon)


def _attention(draft: _Draft, shape: EncoderShape, name: str, rows: str, *, bias: str, by_head: str) -> str:
    """Return softmax(Q K^T / sqrt(d) + bias) V with the heads side by side, [batch * length, width]."""

    def heads(part: str, order: Sequence[int]) -> str:
        split = draft.node("Reshape", draft.linear(f"{name}.self.{part}", rows), by_head)
        return draft.node("Transpose", split, perm=order)

    query, value = heads("query", [0, 2, 1, 3]), heads("value", [0, 2, 1, 3])
    key = heads("key", [0, 2, 3, 1])
    scale = draft.constant(np.float32((shape.width // shape.heads) ** -0.5))
    scores = draft.node("Add", draft.node("Mul", draft.node("MatMul", query, key), scale), bias)
    mixed = draft.node("MatMul", draft.node("Softmax", scores, axis=-1), value)
    together = draft.node("Transpose", mixed, perm=[0, 2, 1, 3])
    return draft.node("Reshape", together, draft.constant([-1, shape.width]))


def _activation(draft: _Draft, shape: EncoderShape, rows: str) -> str:
    match shape.activation:
        case "relu":
            return draft.node("Relu", rows)
        case "gelu_tanh":
            return draft.node("Gelu", rows, approximate="tanh")
        case "gelu":
            return draft.node("Gelu", rows)


def _pool(draft: _Draft, shape: EncoderShape, hidden: str, mask: str) -> None:
    """Write the output: the mean over the tokens that the mask keeps, or the vector of the first token."""
    if shape.pooling == "cls":
        draft.node("Gather", hidden, draft.constant(0), axis=1, output=POOLED)
        return
    length_axis = draft.constant([1])
    weights = draft.node("Unsqueeze", mask, draft.constant([2]))
    total = draft.node("ReduceSum", draft.node("Mul", hidden, weights), length_axis, keepdims=0)
    draft.node("Div", total, draft.node("ReduceSum", weights, length_axis, keepdims=0), output=POOLED)
