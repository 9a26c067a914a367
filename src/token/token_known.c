/* SPDX-License-Identifier: Apache-2.0 */
/* Words that people put into tokens, and tokens that stand in documents. */
#include <stddef.h>
#include <string.h>

#include "token/strength_internal.h"

/* clang-format off */
const char *const strength_words[] = {
    /* what it is */
    "access", "account", "apikey", "api", "auth", "authorization", "bearer", "cert", "client",
    "code", "cookie", "credential", "hash", "hmac", "jwt", "key", "login", "oauth", "pass",
    "passphrase", "passwd", "password", "private", "public", "pwd", "salt", "secret", "session",
    "shared", "sign", "signing", "token", "webhook", "uuid",
    /* whose it is */
    "admin", "administrator", "agent", "analyst", "backend", "bot", "company", "corp", "customer",
    "deploy", "developer", "employee", "frontend", "gateway", "guest", "internal", "manager",
    "member", "mobile", "office", "operator", "partner", "person", "project", "root", "server",
    "service", "staff", "super", "support", "system", "team", "tenant", "user", "vendor", "viewer",
    "worker", "alice", "bob", "carol", "charlie", "david", "john", "michael", "sarah",
    /* where it is used */
    "beta", "build", "cloud", "data", "database", "demo", "dev", "development", "docker", "github",
    "gitlab", "google", "jenkins", "kubernetes", "live", "local", "localhost", "main", "master",
    "prod", "production", "qa", "railway", "release", "sandbox", "stage", "staging", "stripe",
    "temp", "temporary", "test", "tester", "testing", "tokenry", "web",
    /* what stands where a token should */
    "changeit", "changeme", "change", "default", "dummy", "empty", "example", "fake", "fixme",
    "foo", "bar", "baz", "here", "hunter2", "insert", "invalid", "lorem", "ipsum", "mock", "my",
    "new", "none", "not", "null", "number", "old", "placeholder", "please", "random", "real",
    "replace", "sample", "secure", "some", "somebody", "something", "string", "strong", "the", "this", "todo",
    "undefined", "value", "very", "with", "your", "deadbeef", "cafebabe", "badc0ffee", "feedface",
    /* what passwords are made of */
    "abc123", "baseball", "batman", "correct", "horse", "battery", "staple", "dragon", "football",
    "freedom", "friday", "hello", "iloveyou", "jesus", "killer", "letmein", "love", "magic", "maytheforcebewithyou",
    "monday", "monkey", "mustang", "ninja", "pokemon", "princess", "qwerty", "shadow", "soccer",
    "starwars", "sunday", "sunshine", "superman", "trustno1", "welcome", "whatever", "world",
    "january", "february", "march", "april", "june", "july", "august", "september", "october",
    "november", "december", "spring", "summer", "autumn", "winter", "one", "two", "three", "four",
    "five", "six", "seven", "eight", "nine", "zero",
    /* beginnings of tokens, ours and others' */
    "sk_live_", "sk_test_", "pk_live_", "pk_test_", "ghp_", "gho_", "github_pat_", "glpat-",
    "xoxb-", "akia", "6a12a1f2", "9b34c5e6", "2d45f8a1",
    NULL,
};

const char *const strength_published[] = {
    /* the token lists that people copy */
    "6a12a1f2250df9edcea50e7b00b30142f353749c1965960770a32ed2e61d3c64",
    "9b34c5e6a7d8f1e2b3c4a5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6",
    "2d45f8a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
    /* vendors' examples */
    "akiaiosfodnn7example", "wjalrxutnfemik7mdengbpxrficyexamplekey",
    "sktest4ec39hqlyjwdarjtt1zdp7dc", "zqwbutsooroi4a9sphcvy5ncnsdkxkj",
    /* UUIDs of standards and manuals */
    "550e8400e29b41d4a716446655440000", "123e4567e89b12d3a456426614174000",
    "f81d4fae7dec11d0a76500a0c91e6bf6", "6ba7b8109dad11d180b400c04fd430c8",
    "f47ac10b58cc4372a5670e02b2c3d479", "919108f752d133205bacf847db4148a8",
    "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d", "3fa85f6457174562b3fc2c963f66afa6",
    /* MD5, SHA-1 and SHA-256 of nothing, "password" and "test"; test vectors of AES and SHA-256 */
    "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "5f4dcc3b5aa765d61d8327deb882cf99", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
    "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    "098f6bcd4621d373cade4e832627b4f6", "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "2b7e151628aed2a6abf7158809cf4f3c",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    NULL,
};
/* clang-format on */

bool strength_common_pair(char first, char second)
{
    /* By the first letter, from a on. */
    static const char *const followers[26] = {
        "cdilmnrst",  "el",        "aehiot", "ei",       "acdelmnrst", "eio",       "eh",
        "aeio",       "cdelmnost", "",       "e",        "adeiloy",    "aeiop",     "cdegiost",
        "flmnorstuw", "aelor",     "u",      "aeiorsty", "aehiostu",   "aehiorsuy", "lnrst",
        "ei",         "aehio",     "",       "o",        "",
    };
    if (first < 'a' || first > 'z' || second < 'a' || second > 'z') {
        return false;
    }
    return strchr(followers[first - 'a'], second) != NULL;
}
