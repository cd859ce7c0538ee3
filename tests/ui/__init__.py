"""The status page and the demo, as people see them: in headless Chromium, on one instance with the demo's data."""
