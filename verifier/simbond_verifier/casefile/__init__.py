"""Everything about one card in one file, for somebody who trusts no server (docs/case-file.md). Pure; needs nothing but
the base dependencies."""
