"""Answers one question of tests/jwt/pyjwt.rs: JSON on standard input, JSON on standard output."""

import base64
import json
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key


def signing_key(question):
    private = base64.b64decode(question["private"])
    return private if question["algorithm"] == "HS256" else load_der_private_key(private, None)


def verifying_key(question):
    """The secret, or the published key that the token names."""
    keys = json.loads(question["jwks"])["keys"]
    if not keys:
        return base64.b64decode(question["private"])
    return jwt.PyJWKSet(keys)[jwt.get_unverified_header(question["token"])["kid"]].key


def decode(question):
    claims = jwt.decode(
        question["token"],
        verifying_key(question),
        algorithms=[question["algorithm"]],
        audience=question["audience"],
        issuer=question["issuer"],
        options={"require": ["exp", "nbf", "iat", "iss", "aud", "sub", "jti"]},
    )
    return {"header": jwt.get_unverified_header(question["token"]), "claims": claims}


def encode(question):
    return jwt.encode(question["claims"], signing_key(question), question["algorithm"], question["headers"])


def provide(question):
    """A token under a new key, and the key as an identity provider publishes it."""
    algorithm = question["algorithm"]
    if algorithm == "ES384":
        private = ec.generate_private_key(ec.SECP384R1())
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=question["bits"])
    public = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key()))
    public.pop("key_ops", None)
    jwk = {**public, "kid": "provider", "use": "sig", "alg": algorithm}
    token = jwt.encode(question["claims"], private, algorithm, {"kid": "provider"})
    return {"token": token, "jwk": jwk}


question = json.load(sys.stdin)
json.dump({"decode": decode, "encode": encode, "provide": provide}[question["do"]](question), sys.stdout)
