"""What must not land in clear: masking, hashing, conversion, conditions, rules, plug-ins.

Pure. Law 6 and *fail closed*: a value that cannot be transformed rejects its row; the clear value
is never passed on. Law 9: no reason, description or error quotes a value or a key. Neighbours:
``cdc.canonical`` says what is hashed, ``schema`` what types come out; the flow binds a pipeline to
a table with ``resolve`` and sets rejected rows aside.

This package is also a library, and what is imported here is its interface:

>>> pipeline = create_pii_pipeline(salt="production_salt")
>>> row = {
...     "id": 12345,
...     "customer_id": 12345,
...     "name": "John Doe",
...     "email": "john.doe@example.com",
...     "phone": "(555) 123-4567",
...     "ssn": "123-45-6789",
... }
>>> for name, value in pipeline.transform_row(row).items():
...     print(f"{name}: {value}")
id: 12345
customer_id: 36568a3f5d338122
name: John Doe
email: j*******@example.com
phone: (***) ***-4567
ssn: ***-**-6789

(The document that this system was asked for in prints another result: there ``id`` is hashed, and
``john.doe`` has eight stars. A plain ``id`` is not hashed, and ``ohn.doe`` has seven letters.)

Rules are applied in their order, to columns whose name begins with what a pattern describes:

>>> pipeline = TransformationPipeline()
>>> pipeline.add_transformer(r".*email.*", PIIMaskingTransformer())
>>> pipeline.add_transformer(r".*_id$", HashingTransformer(salt="custom-salt", truncate=16))
>>> rows = pipeline.transform_rows([{"email": "ann@example.com", "user_id": 7}])
>>> rows[0]["email"], len(rows[0]["user_id"])
('a**@example.com', 16)

(There, too, the salt of the example is shorter than the eight characters that are asked for.)
Salts are for compatibility; a key makes hashes that cannot be guessed:

>>> hashing = HashingTransformer(key=b"sixteen bytes or more", key_version="2024")
>>> hashing("john.doe@example.com") == hashing("john.doe@example.com")
True
>>> hashing.warns is None
True

A row that cannot be transformed does not come out, and is told by its position:

>>> pipeline = TransformationPipeline()
>>> pipeline.add_transformer("age", TypeConversionTransformer(int))
>>> rows = pipeline.transform_rows([{"age": "41"}, {"age": "unknown"}])
>>> list(rows), rows.rejected
([{'age': 41}], (RejectedRow(row=1, column='age', reason='not_integer', fatal=False),))

Conditions are functions, or are written as configuration has them:

>>> masked = PIIMaskingTransformer(kind="name")
>>> german = ConditionalTransformer(condition({"column": "country", "equals": "DE"}), masked)
>>> pipeline = TransformationPipeline([Rule(column="name", action=german)])
>>> pipeline.transform_row({"name": "Ann Lee", "country": "DE"})
{'name': 'A** L**', 'country': 'DE'}
>>> pipeline.transform_row({"name": "Ann Lee", "country": "FR"})
{'name': 'Ann Lee', 'country': 'FR'}
"""

from cdc_daemon.transformation.apply import Applied
from cdc_daemon.transformation.conditional import ConditionalTransformer
from cdc_daemon.transformation.conversion import TypeConversionTransformer
from cdc_daemon.transformation.generalising import GeneraliseTransformer
from cdc_daemon.transformation.hashing import HashingTransformer
from cdc_daemon.transformation.masking import PIIMaskingTransformer
from cdc_daemon.transformation.phrases import condition
from cdc_daemon.transformation.pipeline import TransformationPipeline
from cdc_daemon.transformation.plugins import load_plugins, transformer_named
from cdc_daemon.transformation.presets import create_gdpr_pipeline, create_pii_pipeline
from cdc_daemon.transformation.registry import build, documentation
from cdc_daemon.transformation.replacing import (
    ConstantTransformer,
    NullTransformer,
    TruncateTransformer,
)
from cdc_daemon.transformation.resolved import Resolved
from cdc_daemon.transformation.rows import RejectedRow, TransformedRows
from cdc_daemon.transformation.rules import Rule
from cdc_daemon.transformation.site import Bound, Rejected, Site
from cdc_daemon.transformation.structure import Drop, Rename, RowFilter
from cdc_daemon.transformation.transformer import INTERFACE_VERSION, Transformer

__all__ = [
    "INTERFACE_VERSION",
    "Applied",
    "Bound",
    "ConditionalTransformer",
    "ConstantTransformer",
    "Drop",
    "GeneraliseTransformer",
    "HashingTransformer",
    "NullTransformer",
    "PIIMaskingTransformer",
    "Rejected",
    "RejectedRow",
    "Rename",
    "Resolved",
    "RowFilter",
    "Rule",
    "Site",
    "TransformationPipeline",
    "TransformedRows",
    "Transformer",
    "TruncateTransformer",
    "TypeConversionTransformer",
    "build",
    "condition",
    "create_gdpr_pipeline",
    "create_pii_pipeline",
    "documentation",
    "load_plugins",
    "transformer_named",
]
