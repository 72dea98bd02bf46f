"""Tokens: only those of a known issuer, whole, in time and for us are accepted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from auth.errors import ConfigurationInvalid, Unauthenticated
from auth.keys import Key, StaticKeys, key_of, pem_key, read_key, secret_key
from auth.tokens import Issuer, TokenMinter, TokenVerifier

SECRET = "0123456789abcdef0123456789abcdef"
OTHER = "another-secret-of-at-least-32-bytes!"
NOW = 1_800_000_000


def pem(private) -> str:
    return private.private_bytes(
        ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption()
    ).decode()


def public_pem(private) -> str:
    public = private.public_key()
    return public.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ed_key():
    return ed25519.Ed25519PrivateKey.generate()


def verifier(key: Key, *algorithms: str, **more) -> TokenVerifier:
    issuer = Issuer("idp", "flight", algorithms, StaticKeys(unnamed=(key,)), **more)
    return TokenVerifier([issuer], clock=lambda: NOW)


def claims(**changes) -> dict:
    base = {"iss": "idp", "aud": "flight", "sub": "alice", "iat": NOW, "exp": NOW + 600}
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def part(data: object) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forge(header: object, payload: object, secret: bytes = SECRET.encode()) -> str:
    """A token with any header and payload, signed with HS256."""
    signed = f"{part(header)}.{part(payload)}"
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{part(mac)}"


HS256 = {"alg": "HS256", "typ": "JWT"}


def refused(token: str, by: TokenVerifier | None = None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        (by or verifier(secret_key(SECRET), "HS256")).verify(token)
    assert str(caught.value) == str(Unauthenticated())


def test_a_good_token_gives_its_subject_and_claims():
    token = forge(HS256, claims(jti="id1", groups=["g"], nbf=NOW - 5))
    verified = verifier(secret_key(SECRET), "HS256").verify(token)
    assert (verified.subject, verified.issuer, verified.token_id) == ("alice", "idp", "id1")
    assert verified.expires_at == NOW + 600
    assert verified.claims["groups"] == ["g"]


BAD_CLAIMS = {
    **{f"no {name}": {name: ...} for name in ("iss", "aud", "sub", "exp")},
    **{f"null {name}": {name: None} for name in ("iss", "aud", "sub", "exp", "nbf")},
    "no iat and too long": {"iat": ..., "exp": NOW + 86_500},
    "other issuer": {"iss": "idp2"},
    "issuer with a slash": {"iss": "idp/"},
    "issuer list": {"iss": ["idp"]},
    "other audience": {"aud": "flight2"},
    "audience prefix": {"aud": "flightless"},
    "other audiences": {"aud": ["a", "b"]},
    "audience of odd types": {"aud": ["flight", 1]},
    "empty audience": {"aud": []},
    "audience object": {"aud": {"flight": 1}},
    "expired": {"exp": NOW - 31, "iat": NOW - 600},
    "exp text": {"exp": str(NOW + 600)},
    "exp true": {"exp": True},
    "exp list": {"exp": [NOW + 600]},
    "exp far away": {"exp": 10**18},
    "exp huge": {"exp": 10**400},
    "exp nan": {"exp": float("nan")},
    "exp infinite": {"exp": float("inf")},
    "exp negative": {"exp": -5},
    "too long": {"exp": NOW + 86_401},
    "too long from the past": {"iat": NOW - 86_000, "exp": NOW + 600},
    "expires before it is made": {"iat": NOW + 20, "exp": NOW + 10},
    "made in the future": {"iat": NOW + 31, "exp": NOW + 600},
    "iat text": {"iat": str(NOW)},
    "iat zero": {"iat": 0},
    "not yet": {"nbf": NOW + 31},
    "nbf text": {"nbf": str(NOW)},
    "sub empty": {"sub": ""},
    "sub number": {"sub": 7},
    "sub list": {"sub": ["alice"]},
    "sub blank": {"sub": "  "},
    "sub with space": {"sub": "alice "},
    "sub too long": {"sub": "a" * 257},
    "sub with newline": {"sub": "a\nb"},
    "sub with nul": {"sub": "a\0"},
    "sub with bidi override": {"sub": "a\u202eb"},
    "sub with zero width": {"sub": "a\u200bb"},
    "sub not in normal form": {"sub": "e\u0301"},
    "sub with lone surrogate": {"sub": "a\ud800"},
    "jti number": {"jti": 7},
    "jti too long": {"jti": "x" * 300},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_with_bad_claims_is_refused(changes):
    refused(forge(HS256, claims(**changes)))


def test_claims_at_the_edge_are_accepted():
    edge = [
        {"exp": NOW - 29, "iat": NOW - 60},
        {"exp": NOW + 86_400},
        {"aud": ["other", "flight"]},
        {"sub": "é" * 256},
        {"exp": NOW + 600.5},
    ]
    for changes in edge:
        verifier(secret_key(SECRET), "HS256").verify(forge(HS256, claims(**changes)))


BAD_HEADERS = {
    **{f"alg {name}": {"alg": name} for name in ("none", "None", "nOnE", "", "HS384", "hs256")},
    "no alg": {"typ": "JWT"},
    "alg null": {"alg": None},
    "alg list": {"alg": ["HS256"]},
    "alg RS256": {"alg": "RS256"},
    "kid number": {**HS256, "kid": 1},
    "kid list": {**HS256, "kid": ["a"]},
    "critical": {**HS256, "crit": ["exp"]},
    "unencoded": {**HS256, "crit": ["b64"], "b64": False},
    "no object": ["HS256"],
    "text": "HS256",
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_token_with_a_bad_header_is_refused(header):
    refused(forge(header, claims()))


def test_an_unsigned_token_is_refused():
    for alg in ("none", "HS256"):
        refused(f"{part({'alg': alg})}.{part(claims())}.")


def test_a_key_in_the_header_is_never_used():
    mine = base64.urlsafe_b64encode(OTHER.encode()).decode().rstrip("=")
    for extra in (
        {"jwk": {"kty": "oct", "k": mine}},
        {"jku": "http://127.0.0.1:9/keys"},
        {"x5u": "http://127.0.0.1:9/cert"},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1"},
    ):
        refused(forge({**HS256, **extra}, claims(), OTHER.encode()))


def test_a_token_signed_with_another_key_is_refused():
    refused(forge(HS256, claims(), OTHER.encode()))
    refused(forge(HS256, claims(), b""))


def test_a_tampered_token_is_refused():
    token = forge(HS256, claims())
    head, body, mac = token.split(".")
    refused(f"{head}.{part(claims(sub='root'))}.{mac}")
    refused(f"{part({**HS256, 'typ': 'x'})}.{body}.{mac}")
    for at in range(0, len(token) - 2, 7):
        changed = "A" if token[at] != "A" else "B"
        refused(token[:at] + changed + token[at + 1 :])


@pytest.mark.parametrize(
    "token",
    [
        *[".", "..", "...", "a.b.c", "é.é.é", "fsk", "e30.e30", "e30.e30.e30"],
        *("", "\0", "Bearer x", "a" * 9000),
        part(b"[" * 5000) + ".e30.e30",
        part(b"\xff") + ".e30.e30",
    ],
)
def test_what_is_no_token_is_refused(token):
    refused(token)


def test_a_payload_nested_too_deeply_is_refused():
    deep = b"[" * 3000 + b"]" * 3000
    refused(forge(HS256, deep))
    refused(forge(HS256, b"{"))
    refused(forge(HS256, b"7"))


def test_an_oversized_token_is_refused_even_if_it_is_good():
    assert len(forge(HS256, claims(pad="x" * 8000))) > 8192
    refused(forge(HS256, claims(pad="x" * 8000)))


def test_a_public_key_never_serves_as_a_secret(rsa_key, ed_key):
    for private, algorithm in ((rsa_key, "RS256"), (ed_key, "EdDSA")):
        text = public_pem(private)
        by = verifier(pem_key(text), algorithm)
        for secret in (text.encode(), text.strip().encode()):
            refused(forge(HS256, claims(), secret), by)
        with pytest.raises(ConfigurationInvalid):
            secret_key(text)


def test_key_pairs_verify_only_their_own_algorithm(rsa_key, ed_key):
    curve = ec.generate_private_key(ec.SECP256R1())
    for private, algorithm in ((rsa_key, "RS256"), (ed_key, "EdDSA"), (curve, "ES256")):
        token = jwt.encode(claims(), private, algorithm=algorithm)
        assert verifier(pem_key(public_pem(private)), algorithm).verify(token).subject == "alice"
    refused(
        jwt.encode(claims(), rsa_key, algorithm="RS512"),
        verifier(pem_key(public_pem(rsa_key)), "RS256"),
    )
    refused(
        jwt.encode(claims(), rsa_key, algorithm="PS256"),
        verifier(pem_key(public_pem(rsa_key)), "RS256"),
    )


def test_keys_are_found_by_kid_and_otherwise_by_type():
    keys = StaticKeys(named={"a": secret_key(SECRET)}, unnamed=(secret_key(OTHER),))
    by = TokenVerifier([Issuer("idp", "flight", ("HS256",), keys)], clock=lambda: NOW)
    assert by.verify(forge({**HS256, "kid": "a"}, claims()))
    assert by.verify(forge(HS256, claims(), OTHER.encode()))
    assert by.verify(forge({**HS256, "kid": "z"}, claims(), OTHER.encode()))
    refused(forge({**HS256, "kid": "a"}, claims(), OTHER.encode()), by)
    refused(forge(HS256, claims()), by)


def test_two_issuers_do_not_speak_for_each_other(ed_key):
    one = Issuer("one", "flight", ("HS256",), StaticKeys(unnamed=(secret_key(SECRET),)))
    two = Issuer("two", "flight", ("EdDSA",), StaticKeys(unnamed=(pem_key(public_pem(ed_key)),)))
    by = TokenVerifier([one, two], clock=lambda: NOW)
    assert by.verify(forge(HS256, claims(iss="one"))).issuer == "one"
    assert by.verify(jwt.encode(claims(iss="two"), ed_key, "EdDSA")).issuer == "two"
    refused(forge(HS256, claims(iss="two")), by)
    refused(jwt.encode(claims(iss="one"), ed_key, "EdDSA"), by)
    with pytest.raises(ConfigurationInvalid):
        TokenVerifier([one, one])


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": ()},
        {"algorithms": ("none",)},
        {"algorithms": ("HS256", "RS256")},
        {"audience": ""},
        {"iss": ""},
        {"max_lifetime_seconds": 0},
        {"leeway": 1000},
    ],
)
def test_a_lax_issuer_is_refused(changes):
    good = {"iss": "a", "audience": "b", "algorithms": ("HS256",)}
    with pytest.raises(ConfigurationInvalid):
        Issuer(keys=StaticKeys(unnamed=(secret_key(SECRET),)), **{**good, **changes})


def test_minted_tokens_verify_and_cannot_replace_standard_claims(ed_key):
    for key, algorithm in ((secret_key(SECRET), "HS256"), (pem_key(pem(ed_key)), "EdDSA")):
        minter = TokenMinter(key, issuer="idp", audience="flight", clock=lambda: NOW)
        token = minter.mint("bob", lifetime_seconds=60, claims={"sub": "root", "groups": ["g"]})
        verified = verifier(key, algorithm).verify(token)
        assert (verified.subject, verified.expires_at) == ("bob", NOW + 60)
        assert verified.claims["groups"] == ["g"]


def test_a_minter_refuses_what_it_could_not_verify(ed_key):
    with pytest.raises(ConfigurationInvalid):
        TokenMinter(pem_key(public_pem(ed_key)), issuer="i", audience="a")
    minter = TokenMinter(secret_key(SECRET), issuer="i", audience="a")
    for subject, lifetime in (("", 60), ("a\n", 60), ("a", 0)):
        with pytest.raises(ConfigurationInvalid):
            minter.mint(subject, lifetime_seconds=lifetime)


def test_the_real_clock_is_used_by_default():
    keys = StaticKeys(unnamed=(secret_key(SECRET),))
    minter = TokenMinter(secret_key(SECRET), issuer="idp", audience="flight")
    verified = TokenVerifier([Issuer("idp", "flight", ("HS256",), keys)]).verify(
        minter.mint("a", lifetime_seconds=60)
    )
    assert abs(verified.expires_at - time.time() - 60) < 5


# keys


def test_weak_and_foreign_keys_are_refused(rsa_key):
    weak = [
        "short",
        "x" * 31,
        public_pem(rsa.generate_private_key(65537, 1024)),
        public_pem(ec.generate_private_key(ec.SECP256K1())),
        public_pem(ed448.Ed448PrivateKey.generate()),
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----",
        rsa_key.private_bytes(
            ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.BestAvailableEncryption(b"p")
        ).decode(),
    ]
    for text in weak:
        with pytest.raises(ConfigurationInvalid):
            key_of(text)


def test_a_secret_serves_the_algorithms_that_its_length_allows():
    assert secret_key("x" * 32).algorithms == ("HS256",)
    assert secret_key("x" * 64).algorithms == ("HS256", "HS384", "HS512")


def test_a_key_is_read_from_a_file_and_faults_name_only_the_file(tmp_path, ed_key):
    file = tmp_path / "key.pem"
    file.write_text(pem(ed_key) + "\n")
    assert read_key(file).sign is not None
    file.write_text("hunter2")
    with pytest.raises(ConfigurationInvalid, match=r"key\.pem") as caught:
        read_key(file)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationInvalid):
        read_key(tmp_path / "missing")


def test_keys_keep_their_material_out_of_repr():
    key = secret_key(SECRET)
    for shown in (repr(key), repr(StaticKeys(unnamed=(key,))), str(key)):
        assert SECRET not in shown


def test_ambiguous_or_no_keys_are_refused():
    for unnamed in ((), (secret_key(SECRET), secret_key(OTHER))):
        with pytest.raises(ConfigurationInvalid):
            StaticKeys(unnamed=unnamed)
