"""A small HTTP server that speaks the protocol of OpenAI, with all its bad habits.

It embeds a text as a bag of its words, so texts that share words are alike, and answers from the
prompt it is given: the first FAQ, in the words that `reply` was set to. `fail_with` and the other
attributes make it misbehave; they may be changed while it runs.
"""

import asyncio
import base64
import json
import math
import re
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from typing import Any

DIMENSIONS = 1536
WORD = re.compile(r"\w+")


class FakeProvider:
    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        #: Seconds before anything is said; by path, or for all.
        self.delay: dict[str, float] = {}
        #: path -> HTTP statuses for the next calls; then it works again.
        self.statuses: dict[str, list[int]] = {}
        self.retry_after: str | None = None
        #: path -> what to send instead of an answer: "empty", "nonsense", "break" or "hang".
        self.fault: dict[str, str] = {}
        self.dimensions = DIMENSIONS
        #: What the model says; by default it answers with the first FAQ it is given.
        self.reply: Callable[[list[dict[str, str]]], str | dict[str, Any]] = first_faq
        #: The vector of a text, of unit length; by default texts that share words are alike.
        self.embed: Callable[[str], list[float]] = lambda text: bag_of_words(text, self.dimensions)
        #: Seconds between two pieces of a stream.
        self.pause = 0.0

    def calls(self, path: str) -> list[dict[str, Any]]:
        return [body for called, body in self.requests if called == path]

    @property
    def chats(self) -> list[dict[str, Any]]:
        return self.calls("/chat/completions")

    @property
    def embeddings(self) -> list[dict[str, Any]]:
        return self.calls("/embeddings")

    # The server ---------------------------------------------------------------------------------

    def start(self, port: int = 0) -> "FakeProvider":
        ready = threading.Event()

        def run() -> None:
            asyncio.run(self._run(port, ready))

        threading.Thread(target=run, daemon=True).start()
        ready.wait(10)
        return self

    async def _run(self, port: int, ready: threading.Event) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await self._stopped.wait()

    def serve(self, port: int) -> None:
        """Serve until killed."""
        asyncio.run(self._run(port, threading.Event()))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
                body = json.loads(await reader.readexactly(length))
                path = head.split()[1].removeprefix("/v1")
                self.requests.append((path, body))
                if not await self._answer(writer, path, body):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, body: dict[str, Any]) -> bool:
        """Whether the connection may be used again."""
        if path == "/delay":  # for a benchmark, which runs this server in a process of its own
            self.delay = body
            send(writer, {})
            return True
        fault = self.fault.get(path, "")
        await asyncio.sleep(self.delay.get(path, 0))
        if fault == "hang":
            await asyncio.sleep(3600)
        if statuses := self.statuses.get(path):
            headers = {"retry-after": self.retry_after} if self.retry_after else {}
            send(writer, {"error": {"message": "no"}}, statuses.pop(0), headers)
            return True
        if fault == "break" and not body.get("stream"):
            return False
        if fault == "nonsense" and not body.get("stream"):
            send(writer, {"hello": "world"})
            return True
        if path == "/embeddings":
            send(writer, self._embeddings(body))
            return True
        reply = self.reply(body["messages"])
        text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
        text = {"empty": "", "nonsense": "Sure! Here you go."}.get(fault, text)
        if body.get("stream"):
            return await self._stream(writer, text, breaks=fault == "break")
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        send(writer, completion("chat.completion", choice))
        return True

    async def _stream(self, writer: asyncio.StreamWriter, text: str, *, breaks: bool) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        pieces = re.findall(r"(?s).{1,8}", text)
        for piece in pieces[: len(pieces) // 2] if breaks else pieces:
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            write_chunk(writer, completion("chat.completion.chunk", choice))
            await writer.drain()
            await asyncio.sleep(self.pause)
        if breaks:
            return False
        data = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        return True

    def _embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        rows = []
        for index, text in enumerate(texts):
            vector = self.embed(text)
            packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            as_asked = packed if body.get("encoding_format") == "base64" else vector
            rows.append({"object": "embedding", "index": index, "embedding": as_asked})
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "data": rows, "model": body["model"], "usage": usage}


def bag_of_words(text: str, dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for word in WORD.findall(text.casefold()):
        vector[zlib.crc32(word.encode()) % dimensions] += 1.0
    length = math.sqrt(sum(number * number for number in vector)) or 1.0
    return [number / length for number in vector]


def first_faq(messages: list[dict[str, str]]) -> dict[str, Any]:
    try:
        material = json.loads(messages[1]["content"])
    except ValueError:  # no guest's question, but a text to translate
        material = {"faqs": []}
    if not material["faqs"]:
        return {"can_answer": False, "used": [], "answer": ""}
    faq = material["faqs"][0]
    return {"can_answer": True, "used": [faq["id"]], "answer": faq["answer"]}


def completion(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "fake", "object": kind, "created": 0, "model": "fake", "choices": [choice]}


def write_chunk(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    data = f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def send(
    writer: asyncio.StreamWriter,
    body: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> None:
    data = json.dumps(body, ensure_ascii=False).encode()
    fields = {"content-type": "application/json", "content-length": str(len(data))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (fields | (headers or {})).items())
    writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + data)


if __name__ == "__main__":
    FakeProvider().serve(int(sys.argv[1]))
