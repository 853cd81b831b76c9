"""Lock actions: asked for, proven to be in the audit log, and only then sent to the vendor of the locks."""
