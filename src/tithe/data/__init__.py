"""Reading data sets: one file a format, reader and writer together."""
