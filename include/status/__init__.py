"""What the status page and the verb `status` show: one module a panel, its data read whole and kept by watermark."""
