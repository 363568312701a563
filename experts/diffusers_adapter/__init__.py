"""The diffusers adapter: any pipeline of ``diffusers``, and any class derived from one.

``expert`` is what the registry builds; ``options`` reads an entry's ``load``; ``loading`` makes
the pipeline; ``call`` turns requests into calls; ``sizes`` finds legal sizes; ``failures`` turns
what went wrong into one line. Importing this package imports neither torch nor diffusers.
"""

from experts.diffusers_adapter.expert import DiffusersExpert

__all__ = ["DiffusersExpert"]
