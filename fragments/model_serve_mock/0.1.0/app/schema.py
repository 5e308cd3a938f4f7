"""What the endpoints accept."""

from typing import Literal

from pydantic import BaseModel, Field


class CompletionRequest(BaseModel):
    """Body of POST /v1/completions."""

    model: str
    prompt: str
    max_tokens: int = Field(default=16, ge=1, le=512)


class Message(BaseModel):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(BaseModel):
    """Body of POST /v1/chat/completions."""

    model: str
    messages: list[Message] = Field(min_length=1)
    max_tokens: int = Field(default=16, ge=1, le=512)

    def last_user_message(self) -> str:
        """What the user said last; empty where the user has said nothing."""
        spoken = (m.content for m in reversed(self.messages) if m.role == "user")
        return next(spoken, "")
