"""Reports of a judgement: for people (HTML in Japanese or English) and for programs (JSON, JUnit, SARIF)."""
