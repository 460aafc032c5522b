"""Every exception that Surveil raises on purpose.

    SurveilError                    anything a person can act on; str() is one line fit for a log or a terminal
    ├── ConfigError                 config.yaml or a command's arguments are wrong           exit code 2
    ├── DeviceError                 an accelerator or a model cannot be used                 exit code 3
    │   └── ModelError              ... because of the model's files
    ├── SourceError                 a camera cannot be opened or read: a status, retried for ever
    ├── CaptionError                one batch could not be captioned
    │   └── OutOfMemoryError        ... for want of accelerator memory: halve the batch, try again
    ├── StoreError                  a database or the disk refuses
    │   ├── SchemaTooNewError       ... written by a newer Surveil: refused, never touched
    │   ├── StoreCorruptError       ... its bytes are damaged: set aside, started anew
    │   └── StoreFullError          ... there is no room left: goes on from memory until there is
    └── DeliveryError               a destination (broker, webhook) refuses

A library's exception is translated once, in the room that imports the library. Messages say what was found,
where, what is allowed and what to do next, and never hold a credential.
"""

EXIT_CONFIG = 2
EXIT_DEVICE = 3
EXIT_FAILURE = 1


class SurveilError(Exception):
    """Base of the tree; `exit_code` is what the process ends with when it ends the process."""

    exit_code = EXIT_FAILURE


class ConfigError(SurveilError):
    """Wrong input from a person; may hold several problems, one a line."""

    exit_code = EXIT_CONFIG


class DeviceError(SurveilError):
    """The device or precision asked for is not to be had; says which are."""

    exit_code = EXIT_DEVICE


class ModelError(DeviceError):
    """The folder or name given is no model that can be loaded."""


class SourceError(SurveilError):
    """A camera could not be opened, or stopped sending."""


class CaptionError(SurveilError):
    """An engine failed on one batch."""


class OutOfMemoryError(CaptionError):
    """The accelerator's memory did not hold the batch."""


class StoreError(SurveilError):
    """SQLite or the file system refused a write or a read."""


class SchemaTooNewError(StoreError):
    """The database was written by a newer version."""


class StoreCorruptError(StoreError):
    """The file is no database, or a damaged one."""


class StoreFullError(StoreError):
    """The file system has no room left."""


class DeliveryError(SurveilError):
    """A destination refused a message for good."""
