"""GetObject of S3 for ranges that are read as they are (docs/adr/0018-speed-of-reads.md)."""

from __future__ import annotations

from chalicelib.aws.s3_requests import S3Requests


class S3Get(S3Requests):
    """Reads objects of one bucket. Safe to share between threads."""

    def read(self, key: str, start: int, length: int | None) -> bytearray | None:
        """`length` bytes from `start`, fewer at the end of the object; None for any answer but success.

        Raises
        ------
        OSError
            If there is no connection or no whole answer.
        """
        last = "" if length is None else start + length - 1
        whole = start == 0 and length is None
        answer = self.request("GET", self.path(key), {} if whole else {"range": f"bytes={start}-{last}"})
        if answer.status != (200 if whole else 206):
            answer.forget()
            return None
        return answer.body()
