/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/certificate.h"

#include <fcntl.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "base/secret.h"

static void bio_release(BIO **bio)
{
    BIO_free(*bio);
}

static void x509_release(X509 **certificate)
{
    X509_free(*certificate);
}

static void key_release(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* Else OpenSSL would ask at the terminal. */
static int no_password(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return -1;
}

/* 0: it is no time. RFC 5280 §4.1.2.5: they are UTC. */
static int64_t time_of(const ASN1_TIME *asn1)
{
    struct tm parts = {0};
    return ASN1_TIME_to_tm(asn1, &parts) == 1 ? (int64_t)timegm(&parts) * 1000 : 0;
}

static X509 *next_of(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, no_password, NULL);
}

static tkr_error_t look_at_key(X509 *certificate, const char *text, size_t length, bool *ret_fits)
{
    BIO *bio CLEANUP(bio_release) = BIO_new_mem_buf(text, (int)length);
    ENSURE(bio != NULL, TKR_MEMORY);
    EVP_PKEY *key CLEANUP(key_release) = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    ENSURE(key != NULL, TKR_INVALID);
    *ret_fits = X509_check_private_key(certificate, key) == 1;
    return TKR_OK;
}

static tkr_error_t look(BIO *bio, const char *key, size_t key_length,
                        struct certificate_look *ret_look)
{
    struct certificate_look seen = {0};
    X509 *first CLEANUP(x509_release) = next_of(bio);
    ENSURE(first != NULL, TKR_MALFORMED);
    seen.not_before_ms = time_of(X509_get0_notBefore(first));
    seen.not_after_ms = time_of(X509_get0_notAfter(first));
    ENSURE(seen.not_after_ms != 0, TKR_MALFORMED);
    for (X509 *more; (more = next_of(bio)) != NULL;) {
        int64_t ends_ms = time_of(X509_get0_notAfter(more));
        seen.not_after_ms = ends_ms < seen.not_after_ms ? ends_ms : seen.not_after_ms;
        X509_free(more);
    }
    if (key != NULL) {
        TRY(look_at_key(first, key, key_length, &seen.fits));
    }
    *ret_look = seen;
    return TKR_OK;
}

tkr_error_t certificate_look(const char *certificate, size_t length, const char *key,
                             size_t key_length, struct certificate_look *ret_look)
{
    ENSURE(length <= INT_MAX && key_length <= INT_MAX, TKR_MALFORMED);
    BIO *bio CLEANUP(bio_release) = BIO_new_mem_buf(certificate, (int)length);
    ENSURE(bio != NULL, TKR_MEMORY);
    tkr_error_t error = look(bio, key, key_length, ret_look);
    ERR_clear_error();
    return error;
}

/* --- files ----------------------------------------------------------------------------------- */

struct pem {
    char *text; /* locked and wiped: it may be a key */
    size_t length;
};

static void pem_release(struct pem *pem)
{
    secret_free(pem->text, HTTP_PEM_BYTES_MAX);
}

static tkr_error_t pem_read(const char *path, struct pem *pem)
{
    TRY(secret_alloc(HTTP_PEM_BYTES_MAX, (void **)&pem->text));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ENSURE(fd >= 0, TKR_IO);
    ssize_t got;
    while (pem->length < HTTP_PEM_BYTES_MAX &&
           (got = read(fd, pem->text + pem->length, HTTP_PEM_BYTES_MAX - pem->length)) > 0) {
        pem->length += (size_t)got;
    }
    close(fd);
    return TKR_OK;
}

tkr_error_t certificate_look_at_files(const char *path, const char *key_path,
                                      struct certificate_look *ret_look, const char **ret_wrong)
{
    struct pem certificate CLEANUP(pem_release) = {0}, key CLEANUP(pem_release) = {0};
    *ret_wrong = path;
    TRY(pem_read(path, &certificate));
    if (key_path != NULL) {
        *ret_wrong = key_path;
        TRY(pem_read(key_path, &key));
    }
    tkr_error_t error =
        certificate_look(certificate.text, certificate.length, key.text, key.length, ret_look);
    *ret_wrong = error == TKR_INVALID ? key_path : path;
    return error;
}
