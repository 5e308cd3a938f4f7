"""The server: health, completions and chat completions.

Answers depend on the request alone, apart from the id and the time in them, so a test can compare texts.
"""

import time
import uuid

from fastapi import FastAPI

from .schema import ChatRequest, CompletionRequest

server = FastAPI(title="model-serve-mock", version="0.1.0")


def _echo(text: str, max_tokens: int) -> tuple[str, str]:
    """The text echoed, cut to a number of words, and why it ended."""
    words = f"Echo: {text}".split()
    finish = "length" if len(words) > max_tokens else "stop"
    return " ".join(words[:max_tokens]), finish


def _usage(prompt: str, completion: str) -> dict[str, int]:
    prompt_tokens, completion_tokens = len(prompt.split()), len(completion.split())
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def _envelope(kind: str, prefix: str, model: str, choice: dict, usage: dict[str, int]) -> dict:
    return {
        "id": f"{prefix}-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, **choice}],
        "usage": usage,
    }


@server.get("/healthz")
def health() -> dict[str, str | float]:
    """Says that the server is up."""
    return {"status": "ok", "service": "model-serve-mock", "timestamp": time.time()}


@server.post("/v1/completions")
def completions(request: CompletionRequest) -> dict:
    """Completes a prompt by echoing it."""
    text, finish = _echo(request.prompt, request.max_tokens)
    choice = {"text": text, "logprobs": None, "finish_reason": finish}
    return _envelope("text_completion", "cmpl", request.model, choice, _usage(request.prompt, text))


@server.post("/v1/chat/completions")
def chat_completions(request: ChatRequest) -> dict:
    """Answers a conversation by echoing what the user said last."""
    prompt = request.last_user_message()
    text, finish = _echo(prompt, request.max_tokens)
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return _envelope("chat.completion", "chatcmpl", request.model, choice, _usage(prompt, text))
