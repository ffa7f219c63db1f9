"""Triton's own client against this service: python triton_client_check.py <grpc host:port> <http host:port> <token>.

Prints one line per check and exits 1 when one fails. The models are those of triton-client.int.spec.ts.
"""

import sys

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
from tritonclient.utils import InferenceServerException

GRPC, HTTP, TOKEN = sys.argv[1:4]
# The client writes into the dictionary that it is given, so every call gets one of its own.
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
# In gRPC the same is metadata, whose keys are written small.
METADATA = {"authorization": f"Bearer {TOKEN}"}

SAMPLES = {
    "BOOL": np.array([[True, False, True]]),
    "UINT8": np.array([[0, 1, 255]], dtype=np.uint8),
    "UINT16": np.array([[0, 1, 65535]], dtype=np.uint16),
    "UINT32": np.array([[0, 1, 4294967295]], dtype=np.uint32),
    "UINT64": np.array([[0, 1, 18446744073709551615]], dtype=np.uint64),
    "INT8": np.array([[-128, 0, 127]], dtype=np.int8),
    "INT16": np.array([[-32768, 0, 32767]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 0, 2**31 - 1]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 0, 2**63 - 1]], dtype=np.int64),
    "FP16": np.array([[-1.5, 0, 65504]], dtype=np.float16),
    "FP32": np.array([[-1.5, 0, 3.4e38]], dtype=np.float32),
    "FP64": np.array([[-1.5, 0, 1.7e308]], dtype=np.float64),
    "BYTES": np.array([["", "ada", "größe"]], dtype=object),
}

failures = 0


def check(name: str, holds: bool) -> None:
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {name}")


def same(sent: np.ndarray, came: np.ndarray) -> bool:
    if sent.dtype == object:
        texts = [item.decode("utf-8") if isinstance(item, bytes) else item for item in came.ravel()]
        return texts == list(sent.ravel())
    return came.dtype == sent.dtype and came.shape == sent.shape and bool((came == sent).all())


def refused(call, *texts: str) -> bool:
    try:
        call()
    except InferenceServerException as error:
        return all(text in f"{error.status()} {error.message()}" for text in texts)
    return False


def over_grpc() -> None:
    client = grpc_client.InferenceServerClient(GRPC)
    check("grpc live and ready", client.is_server_live() and client.is_server_ready())
    check("grpc metadata", client.get_server_metadata(headers=METADATA).name == "rapport")
    metadata = client.get_model_metadata("echo-FP32", as_json=True, headers=METADATA)
    check("grpc model metadata", metadata["inputs"][0]["shape"] == ["-1", "-1"])
    for datatype, sample in SAMPLES.items():
        tensor = grpc_client.InferInput("in", sample.shape, datatype)
        tensor.set_data_from_numpy(sample)
        wanted = grpc_client.InferRequestedOutput("out")
        result = client.infer(f"echo-{datatype}", [tensor], outputs=[wanted], request_id="7", model_version="1", headers=METADATA)
        check(f"grpc {datatype}", same(sample, result.as_numpy("out")) and result.get_response().id == "7")
    tensor = grpc_client.InferInput("in", [1, 3], "FP64")
    tensor.set_data_from_numpy(SAMPLES["FP64"])
    check("grpc wrong datatype", refused(lambda: client.infer("echo-FP32", [tensor], headers=METADATA), "INVALID_ARGUMENT", "expected FP32"))
    check("grpc unknown model", refused(lambda: client.infer("nobody", [tensor], headers=METADATA), "NOT_FOUND"))
    check("grpc broken model is not ready", not client.is_model_ready("broken", headers=METADATA))
    states = {model.name: model.state for model in client.get_model_repository_index(headers=METADATA).models}
    check("grpc repository index", states["broken"] == "UNAVAILABLE" and states["echo-FP32"] == "READY")
    client.unload_model("echo-BOOL", headers=METADATA)
    check("grpc unload", not client.is_model_ready("echo-BOOL", headers=METADATA))
    client.load_model("echo-BOOL", headers=METADATA)
    check("grpc load", client.is_model_ready("echo-BOOL", headers=METADATA))
    check("grpc load of a broken model", refused(lambda: client.load_model("broken", headers=METADATA), "MODELS_LOAD_FAILED"))
    client.close()


def over_http() -> None:
    client = http_client.InferenceServerClient(HTTP)
    check("http live and ready", client.is_server_live() and client.is_server_ready())
    check("http metadata", client.get_server_metadata(headers=dict(HEADERS))["name"] == "rapport")
    for binary in (True, False):
        for datatype, sample in SAMPLES.items():
            # JSON has no half floats, and its numbers are not exact beyond 2^53.
            if not binary and datatype in ("FP16", "INT64", "UINT64"):
                continue
            tensor = http_client.InferInput("in", sample.shape, datatype)
            tensor.set_data_from_numpy(sample, binary_data=binary)
            wanted = http_client.InferRequestedOutput("out", binary_data=binary)
            result = client.infer(f"echo-{datatype}", [tensor], outputs=[wanted], headers=dict(HEADERS))
            check(f"http {'binary' if binary else 'JSON'} {datatype}", same(sample, result.as_numpy("out")))
    tensor = http_client.InferInput("in", [1, 3], "FP32")
    tensor.set_data_from_numpy(SAMPLES["FP32"])
    result = client.infer("echo-FP32", [tensor], headers=dict(HEADERS), request_compression_algorithm="gzip")
    check("http gzip, all outputs by default", same(SAMPLES["FP32"], result.as_numpy("out")))
    check("http unknown model", refused(lambda: client.infer("nobody", [tensor], headers=dict(HEADERS)), "404", "MODELS_NOT_FOUND"))
    check("http without a token", refused(lambda: client.infer("echo-FP32", [tensor]), "401"))
    index = {model["name"]: model["state"] for model in client.get_model_repository_index(headers=dict(HEADERS))}
    check("http repository index", index["broken"] == "UNAVAILABLE")
    client.unload_model("echo-INT8", headers=dict(HEADERS))
    check("http unload", not client.is_model_ready("echo-INT8", headers=dict(HEADERS)))
    client.load_model("echo-INT8", headers=dict(HEADERS))
    check("http load", client.is_model_ready("echo-INT8", headers=dict(HEADERS)))
    client.close()


over_grpc()
over_http()
sys.exit(1 if failures else 0)
