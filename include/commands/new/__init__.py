"""The verb `new`: from folders or stages of images to a pipeline file that fits, and a report of what is there."""
