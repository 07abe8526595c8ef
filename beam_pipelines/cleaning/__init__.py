"""Second station: text as found becomes text to learn from.

Comes in: the bytes of `RawDocument`s. Goes out: documents with stripped lines,
NFC, cleaned by one preset and without personal data. Start reading:
`normalization.py`.

Every step here is a function from str to str over many documents at once,
joined by NUL. It leaves each NUL, and after normalising each newline, where it
is, and treats a document as if it stood alone.
"""
