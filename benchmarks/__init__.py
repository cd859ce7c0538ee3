"""What it costs, measured; each module writes benchmarks/results/<topic>.json and a Markdown table beside it."""
