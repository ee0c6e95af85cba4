"""A client of the upload protocol, tus 1.0, step by step."""

from __future__ import annotations

import base64

from fastapi.testclient import TestClient

TUS = {"Tus-Resumable": "1.0.0"}


def metadata(**values: str) -> dict[str, str]:
    pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()]
    return {"Upload-Metadata": ",".join(pairs)}


def announce(api: TestClient, image_set: int, size: int, name: str = "Smith.png", **more: str):
    headers = {**TUS, "Upload-Length": str(size), **metadata(image_set=str(image_set), name=name, **more)}
    return api.post("/api/v2/uploads", headers=headers)


def send(api: TestClient, address: str, offset: int, data: bytes):
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return api.patch(address, content=data, headers=headers)


def upload(api: TestClient, image_set: int, data: bytes, name: str = "Smith.png", **more: str):
    created = announce(api, image_set, len(data), name, **more)
    assert created.status_code == 201, created.text
    return send(api, created.headers["Location"], 0, data)
