"""Predictions that nobody reads before the stakes are locked, and only members of the committee after it.

`encrypt_predictions` encrypts one model's predictions on the data scientist's machine under a new key, and
splits the key among the round's members (Shamir; threshold is the quorum), each share in a box for one
member. When the last lock of the round is final, each member opens its boxes and releases their file keys to
the others (`release_shares`, `write_release`). From the releases of a quorum `decrypt_round` decides on every
envelope.

**All members decide alike.** An envelope is *valid* if there is a key from which `write_envelope` writes
exactly its bytes, with a plaintext of the signed content hash. All that an envelope holds is derived from
key, context and plaintext, so nothing in it is left to choose. Then:

1. *A valid envelope stays valid.* All its boxes hold right shares. A member releases the file key of its box,
   and a file key proves what a box holds (`scorer.encryption.age`): a wrong key is noticed by itself, before
   any share is combined, and its author is named. So any `threshold` keys that open their boxes give
   the key, whoever else lies or is silent. With `threshold` honest members everybody gets there.
2. *A broken envelope never becomes valid.* Nobody can show a key that does not exist.
3. *Both are proofs.* The key proves validity. `threshold` box keys that open, and give no key that writes the
   envelope, prove the contrary: were it valid, they would have given its key. Whoever has these box keys sees
   the same, so no two members with enough of them differ, whichever members' keys they have. There is nothing
   to try: no subsets, and one decryption and one encryption an envelope at the most.
4. *Boxes broken on purpose split nobody.* If one box of a valid envelope were changed, writing the envelope
   anew would give another one: it is broken for all, also for members whose own box is good. If so many boxes
   are broken that fewer than `threshold` keys are released, nobody can show the key, and nobody says that it
   counts: `UNDECIDED` counts as little as `BROKEN`. A member whose own box does not open knows that the
   envelope is broken, and releases nothing; if the envelope turns out valid, its statement is refuted by
   name.

Where fewer than `threshold` members are honest and there, a liar may hand its box keys to some and not to
others. Whoever has an envelope's key hands it on, and everybody checks it alone (`decrypt`).

A member that lost its key or stays silent takes nothing away while `threshold` others release. One that
published no usable key has no share. One that rotates its key keeps the old one for the rounds opened with it
(`read_identities`, `identity_for`). One that joins late is in no member set that was frozen before.

**What fewer than a quorum know.** With fewer than `threshold` shares every key is possible as far as the
shares go. The coefficients are derived from the key, so this is secrecy against whoever cannot search 2^256
keys, and is argued with HKDF as a random function; boxes rest on X25519 and ChaCha20-Poly1305, as age does.
The content hash is public: whoever guesses all predictions of a submission can confirm the guess, for example
that it is a copy of a file that everybody has. A member that copies its shares to somebody else is not
noticed.

This room knows no network, no files but keys, no chain and no clock. That the last lock is final is the
caller's to know, and whether a release was signed by its author.
"""

from scorer.encryption.context import HEADER_SIZE as HEADER_SIZE
from scorer.encryption.context import EnvelopeContext as EnvelopeContext
from scorer.encryption.context import MemberKeys as MemberKeys
from scorer.encryption.context import RoundContext as RoundContext
from scorer.encryption.decryption import Decryption as Decryption
from scorer.encryption.decryption import EnvelopeState as EnvelopeState
from scorer.encryption.decryption import decrypt as decrypt
from scorer.encryption.decryption import decrypt_round as decrypt_round
from scorer.encryption.derivation import EnvelopeKey as EnvelopeKey
from scorer.encryption.envelope import EncryptedSubmission as EncryptedSubmission
from scorer.encryption.envelope import Envelope as Envelope
from scorer.encryption.envelope import check_header as check_header
from scorer.encryption.envelope import claimed_content as claimed_content
from scorer.encryption.envelope import encrypt_predictions as encrypt_predictions
from scorer.encryption.envelope import envelope_hash as envelope_hash
from scorer.encryption.envelope import parse_envelope as parse_envelope
from scorer.encryption.errors import EncryptionError as EncryptionError
from scorer.encryption.keys import Identity as Identity
from scorer.encryption.keys import identity_for as identity_for
from scorer.encryption.keys import read_identities as read_identities
from scorer.encryption.release import ShareRelease as ShareRelease
from scorer.encryption.release import read_release as read_release
from scorer.encryption.release import release_message as release_message
from scorer.encryption.release import release_shares as release_shares
from scorer.encryption.release import release_size as release_size
from scorer.encryption.release import statements as statements
from scorer.encryption.release import write_release as write_release
