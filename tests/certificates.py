"""Certificates for a test: a signer of its own, and what it signed."""

import subprocess
from pathlib import Path


class Signer:
    """A certificate authority in a folder; `ca` is its certificate."""

    def __init__(self, folder: Path, name: str = "Site CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._openssl(
            "req -x509 -nodes -days 2 -keyout ca.key -out ca.pem -newkey ec -pkeyopt ec_paramgen_curve:P-256", f"/CN={name}"
        )

    def sign(self, name: str, *, alternative: str = "") -> tuple[Path, Path]:
        """Certificate and key of `name`; `alternative` as in a subjectAltName, `IP:127.0.0.1`."""
        self._openssl(
            f"req -nodes -keyout {name}.key -out {name}.csr -newkey ec -pkeyopt ec_paramgen_curve:P-256", f"/CN={name}"
        )
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternative or 'DNS:' + name}\n")
        self._openssl(
            f"x509 -req -days 2 -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile {name}.ext -out {name}.pem"
        )
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _openssl(self, command: str, subject: str = "") -> None:
        words = ["openssl", *command.split(), *(["-subj", subject] if subject else [])]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)
