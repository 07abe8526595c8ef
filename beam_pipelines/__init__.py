"""Raw text in, TFRecord shards out: the Apache Beam side of the house.

Comes in: text, one document a line, JSONL, CSV, TSV or Parquet.
Goes out: `vocab.txt`, and a data folder (shards, `info.json`, `stats.json`,
`COMPLETED`) that `electra_keras.data` reads.
Start reading: `documents.py`, `splitting.py`, `tokenization.py`, `packing.py`,
`shards.py`, `manifest.py`, then `preprocess.py`, which joins them.
"""

import logging

# Beam says so at every import where Google's clients are not installed; it must
# be silenced before the first module here imports Beam.
logging.getLogger().addFilter(
    lambda record: not str(record.msg).startswith("apitools not found")
)
