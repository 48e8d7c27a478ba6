"""The least that an API with a durable answer does, `python -m bench.insert_api URL`: one endpoint, one row committed."""

import asyncio
import json
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import BigInteger, Column, MetaData, String, Table, insert

from core.db import make_engine, transaction

ROW = Table(
    "bare_order", MetaData(), Column("id", BigInteger(), primary_key=True),
    Column("number", String(100), unique=True), Column("customer", String(100)), Column("amount", String(40)),
    Column("body", String()),
)  # fmt: skip


def main(url: str) -> None:
    engine = make_engine(url)
    kind = "INTEGER PRIMARY KEY" if engine.dialect.name == "sqlite" else "bigserial PRIMARY KEY"
    with transaction(engine) as session:
        columns = "number varchar(100) UNIQUE, customer varchar(100), amount varchar(40), body text"
        session.connection().exec_driver_sql(f"CREATE TABLE IF NOT EXISTS bare_order (id {kind}, {columns})")
    app = FastAPI(openapi_url=None)

    def write(order: dict[str, Any]) -> None:
        row = {name: order[name] for name in ("number", "customer", "amount")} | {"body": json.dumps(order)}
        with transaction(engine) as session:
            session.connection().execute(insert(ROW), row)

    @app.post("/api/v1/orders")
    async def submit(request: Request) -> dict[str, str]:
        order = await request.json()
        await asyncio.to_thread(write, order)
        return {"number": order["number"], "verdict": "released"}

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # as bot.server does, and why
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # whoever reads the line below may come at once
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main(sys.argv[1])
