"""Pickles of arrays read without running anything: a pickle's names are looked up in a short list and never imported.

The opcodes build plain containers and `Node`s ("this name, called with these arguments, given this state"). Arrays,
sparse matrices and chumpy objects are then made from the nodes here; everything else is refused.
"""

import io
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import InputError

MAX_BYTES = 1 << 30  # of a pickle
MAX_DEPTH = 200  # containers inside each other
MAX_DENSE = 1 << 26  # numbers of a sparse matrix, written out
_CHUMPY = "chumpy."
_ARRAYS = {
    f"{package}.{name}"
    for package in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "scalar")
}
_BUFFERS = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"}
_SPARSE = {f"scipy.sparse.{module}" for module in ("csc", "_csc", "csr", "_csr", "coo", "_coo")}
_SPARSE_TYPES = {"csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"}
_CONTAINERS = {"collections.OrderedDict", "builtins.set", "__builtin__.set", "builtins.frozenset"}
_BYTES = {"builtins.bytes", "__builtin__.bytes"}  # how old protocols write empty bytes
_PLAIN = {
    *("numpy.ndarray", "numpy.dtype", "_codecs.encode", "copyreg._reconstructor", "copy_reg._reconstructor"),
    *("builtins.object", "__builtin__.object", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"),
    "torch.storage._load_from_bytes",
}
_TORCH_STORAGES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "|i1", "ByteStorage": "|u1", "BoolStorage": "|b1",
}  # fmt: skip
_CODE = re.compile(r"[<>|=]?([biufSUO])\d{1,8}")  # of numpy types; O are Python objects
_READ_ERRORS = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(struct.error, OverflowError, RecursionError, MemoryError, UnicodeError),
)

Storage = Callable[[str, str], bytes]  # the bytes of a stored tensor, by its key and numpy type


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of a known kind that is not read."""

    name: str


@dataclass(slots=True, eq=False)
class Node:
    """What a pickle asks for: a name, called with arguments, then given a state and items."""

    name: str
    arguments: Any = ()
    state: Any = None
    items: OrderedDict = field(default_factory=OrderedDict)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value


class _Refused(pickle.UnpicklingError):
    """The pickle names something that is no array."""


def read_pickle(path: Path, *, what: str, max_bytes: int = MAX_BYTES) -> Any:
    """The containers, numbers and arrays of a pickle file (Python 2 ones too); nothing in it is executed.

    Raises:
        InputError: it cannot be read, is too large or damaged, or holds something else; `what` says what was expected.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path} has {size >> 20} MB, more than any {what}: wrong file")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return pickle_content(content, path=path, what=what)


def pickle_content(content: bytes, *, path: Path, what: str, storage: Storage | None = None) -> Any:
    """`read_pickle` of bytes at hand; `path` is for the messages, `storage` gives the bytes of stored tensors.

    Raises:
        InputError: as `read_pickle`.
    """
    try:
        return _Resolver(storage).resolve(_SymbolicUnpickler(io.BytesIO(content), encoding="latin1").load())
    except _Refused as error:
        raise InputError(f"{path} is refused as a {what}: {error}; nothing in it was run") from error
    except _READ_ERRORS as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path} is damaged or no {what} ({reason}): get the file again") from error


_PythonUnpickler: Any = pickle._Unpickler  # not the C one: its opcodes can be replaced


class _SymbolicUnpickler(_PythonUnpickler):  # type: ignore[misc]
    """Builds containers and nodes; no opcode imports or calls anything."""

    dispatch: dict[int, Any] = dict(_PythonUnpickler.dispatch)

    def find_class(self, module: str, name: str) -> Node:
        full = f"{module}.{name}"
        is_storage = module == "torch" and name in _TORCH_STORAGES
        is_sparse = module in _SPARSE and name in _SPARSE_TYPES
        known = full in _ARRAYS | _BUFFERS | _CONTAINERS | _BYTES | _PLAIN or module.startswith(_CHUMPY)
        if not (known or is_storage or is_sparse):
            raise _Refused(f"it asks for {full[:80]!r}, which is no array")
        return Node(full)

    def persistent_load(self, pid: Any) -> Node:
        return Node("persistent", pid)

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = _called(self.stack[-1], arguments)

    def load_newobj_ex(self) -> None:
        self.stack.pop()
        self.load_reduce()

    def load_inst(self) -> None:
        module = self.readline()[:-1].decode("ascii")
        name = self.readline()[:-1].decode("ascii")
        self.append(Node(self.find_class(module, name).name, tuple(self.pop_mark())))

    def load_obj(self) -> None:
        arguments = self.pop_mark()
        self.append(_called(arguments.pop(0), tuple(arguments)))

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, Node):
            raise pickle.UnpicklingError("a state for something that has none")
        target.state = state

    def load_bytearray(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(min(size, MAX_BYTES)))  # never made before its bytes are there

    def load_refused(self) -> None:
        raise pickle.UnpicklingError("an instruction that array files do not use")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_reduce
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.INST[0]] = load_inst
    dispatch[pickle.OBJ[0]] = load_obj
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray
    for _code in (pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER):
        dispatch[_code[0]] = load_refused


def _called(target: Any, arguments: Any) -> Node:
    if not isinstance(target, Node) or not isinstance(arguments, tuple):
        raise pickle.UnpicklingError("a call of something that is no name")
    if target.name in ("copyreg._reconstructor", "copy_reg._reconstructor"):
        if not arguments or not isinstance(arguments[0], Node):
            raise pickle.UnpicklingError("an object without its class")
        return Node(arguments[0].name)
    return Node(target.name, arguments)


class _Resolver:
    """Turns nodes into arrays, each once, so that shared and circular references cost nothing."""

    def __init__(self, storage: Storage | None) -> None:
        self._storage = storage
        self._done: dict[int, Any] = {}
        self._depth = 0

    def resolve(self, value: Any) -> Any:
        if not isinstance(value, Node | dict | list | tuple | set):
            return value
        if id(value) in self._done:
            return self._done[id(value)]
        if self._depth > MAX_DEPTH:
            raise ValueError("containers nested too deeply")
        self._depth += 1
        self._done[id(value)] = Opaque("circular")
        result = self._node(value) if isinstance(value, Node) else self._container(value)
        self._done[id(value)] = result
        self._depth -= 1
        return result

    def _container(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.resolve(entry) for key, entry in value.items() if isinstance(key, str | int | bytes)}
        entries = [self.resolve(entry) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries

    def _node(self, node: Node) -> Any:
        if node.name in _ARRAYS and node.name.endswith("_reconstruct"):
            return self._array(node.state)
        if node.name in _ARRAYS:
            return np.frombuffer(_raw(self.resolve(node.arguments[1])), self._dtype(node.arguments[0]))[0]
        if node.name in _BUFFERS:
            content, dtype, shape, order = node.arguments
            return _shaped(_raw(self.resolve(content)), self._dtype(dtype), shape, order == "F")
        if node.name == "numpy.dtype":
            return self._dtype(node)
        if node.name == "_codecs.encode":
            return str(node.arguments[0]).encode("latin1")
        if node.name == "collections.OrderedDict":
            return {key: self.resolve(entry) for key, entry in node.items.items()}
        if node.name in _BYTES and not node.arguments:
            return b""
        if node.name in _CONTAINERS:
            return self.resolve(list(node.arguments[0])) if node.arguments else []
        if node.name.startswith(_CHUMPY):
            return self._chumpy(node)
        if node.name.rpartition(".")[0] in _SPARSE:
            return self._sparse(node)
        if node.name == "torch._utils._rebuild_tensor_v2":
            return self._tensor(node.arguments)
        if node.name == "torch._utils._rebuild_parameter":
            return self.resolve(node.arguments[0])
        return Opaque(node.name)

    def _dtype(self, node: Any) -> np.dtype:
        """A numpy type without Python objects, from its code and byte order."""
        if not isinstance(node, Node) or node.name != "numpy.dtype":
            raise ValueError("an array without a type")
        code = node.arguments[0]
        code = code.decode("latin1") if isinstance(code, bytes) else code
        order = node.state[1] if isinstance(node.state, tuple) and len(node.state) > 1 else "|"
        order = order.decode("latin1") if isinstance(order, bytes) else order
        match = _CODE.fullmatch(str(code))
        if match is None:
            raise ValueError(f"an array of the type {str(code)[:20]!r}")
        dtype = np.dtype(object) if match[1] == "O" else np.dtype(str(code))
        return dtype.newbyteorder(">") if order == ">" else dtype

    def _array(self, state: Any) -> Any:
        """An array from what `ndarray.__reduce__` stores: version, shape, type, order, bytes (objects: a list)."""
        _, shape, dtype, is_fortran, content = state if len(state) == 5 else (None, *state)
        dtype = self._dtype(dtype)
        if dtype.kind == "O":
            entries = self.resolve(list(content))
            return entries[0] if shape == () else entries
        return _shaped(_raw(self.resolve(content)), dtype, shape, bool(is_fortran))

    def _chumpy(self, node: Node) -> Any:
        """The array inside a chumpy object: the entry x of its state."""
        state = node.state
        state = next((part for part in state if isinstance(part, dict)), None) if isinstance(state, tuple) else state
        if isinstance(state, dict) and "x" in state:
            return self.resolve(state["x"])
        return Opaque(node.name)

    def _sparse(self, node: Node) -> np.ndarray:
        """A sparse matrix as a dense array; every index is checked here, scipy would write wherever it points."""
        state = self.resolve(node.state)
        shape = tuple(int(side) for side in state.get("_shape", state.get("shape")))
        if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] > MAX_DENSE:
            raise ValueError(f"a sparse matrix of the shape {shape}")
        data = np.asarray(state["data"], dtype=np.float64).ravel()
        kind = node.name.rpartition(".")[2][:3]
        if kind == "coo":
            rows, columns = (state["row"], state["col"]) if "row" in state else state["coords"]
        else:
            starts, inner = (np.asarray(state[name], dtype=np.int64).ravel() for name in ("indptr", "indices"))
            counts = np.diff(starts)
            if starts[0] != 0 or (counts < 0).any() or starts[-1] != len(inner):
                raise ValueError("a sparse matrix whose parts do not belong together")
            outer = np.repeat(np.arange(len(counts)), counts)
            rows, columns = (inner, outer) if kind == "csc" else (outer, inner)
        rows, columns = np.asarray(rows, dtype=np.int64).ravel(), np.asarray(columns, dtype=np.int64).ravel()
        if not len(rows) == len(columns) == len(data):
            raise ValueError("a sparse matrix whose parts do not belong together")
        if len(data) and (min(rows.min(), columns.min()) < 0 or rows.max() >= shape[0] or columns.max() >= shape[1]):
            raise ValueError("a sparse matrix with entries outside")
        dense = np.zeros(shape)
        np.add.at(dense, (rows, columns), data)
        return dense

    def _tensor(self, arguments: Any) -> Any:
        """A torch tensor as an array, where its bytes are at hand."""
        reference, offset, shape, strides = arguments[:4]
        if not isinstance(reference, Node) or reference.name != "persistent" or self._storage is None:
            return Opaque("torch.Tensor")
        _, kind, key = reference.arguments[:3]
        dtype = np.dtype(_TORCH_STORAGES[kind.name.rpartition(".")[2]])
        flat = np.frombuffer(self._storage(str(key), dtype.str), dtype)
        count = int(np.prod(shape, dtype=np.int64))
        expected = tuple(int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape)))
        if count and not _is_packed(shape, strides, expected):
            raise ValueError("a tensor that is not stored in order")
        if not 0 <= offset <= offset + count <= len(flat):
            raise ValueError("a tensor that promises more than the file holds")
        return flat[offset : offset + count].reshape(shape).copy()


def _is_packed(shape: Any, strides: Any, expected: tuple[int, ...]) -> bool:
    return all(side == 1 or have == want for side, have, want in zip(shape, strides, expected, strict=True))


def _raw(content: Any) -> bytes:
    """Raw bytes; Python 2 strings arrive as latin-1 text."""
    if isinstance(content, str):
        return content.encode("latin1")
    if not isinstance(content, bytes):
        raise ValueError("an array without its bytes")
    return content


def _shaped(content: bytes, dtype: np.dtype, shape: Any, is_fortran: bool) -> np.ndarray:
    sides = tuple(int(side) for side in shape)
    if any(side < 0 for side in sides) or len(sides) > 8:
        raise ValueError(f"an array of the shape {sides}")
    count = 1
    for side in sides:
        count *= side
    if count * dtype.itemsize != len(content):
        raise ValueError(f"an array of {len(content)} bytes where {sides} {dtype} are promised")
    return np.frombuffer(content, dtype).reshape(sides, order="F" if is_fortran else "C").copy()
