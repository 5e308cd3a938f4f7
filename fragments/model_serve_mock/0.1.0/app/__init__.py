"""A mock of a model server: OpenAI-shaped answers without a model."""
