"""The studio: a page in the browser, an HTTP API and tools for assistants, over one queue."""
