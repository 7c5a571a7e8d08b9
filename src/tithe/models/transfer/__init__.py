"""What a start is worth for a task before much labelling is spent, and what it knows without any label.

`ranking` compares starts by a probe on few labels, beside LogME and LEEP; `names` guesses from the labels' names alone.
"""
