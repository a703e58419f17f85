// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/temporary_folder.hpp"

#include <galaxy/http/tls.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

// Certificates made while a test runs.
namespace galaxy::test {

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* thing) const
    {
        free(thing);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<::EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<::X509_free>>;
using File = std::unique_ptr<std::FILE, Freed<&std::fclose>>;

inline void demand(bool done)
{
    if (!done) throw std::runtime_error("a certificate cannot be made");
}

inline Key make_key()
{
    using Generator = std::unique_ptr<EVP_PKEY_CTX, Freed<::EVP_PKEY_CTX_free>>;
    const Generator generator(::EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
    EVP_PKEY* key = nullptr;
    demand(::EVP_PKEY_keygen_init(generator.get()) == 1
           && ::EVP_PKEY_keygen(generator.get(), &key) == 1);
    return Key(key);
}

/// An authority that signs what a test asks for, and the folder where all of it lies.
class Authority {
public:
    enum class Life { good, expired };

    explicit Authority(std::string name = "authority")
        : name_(std::move(name)), key_(make_key()), certificate_(blank(key_.get(), name_, 1))
    {
        extend(NID_basic_constraints, "critical,CA:TRUE");
        finish(certificate_.get(), certificate_.get());
        save(certificate_.get(), file());
    }

    /// Of certificates that are to be trusted.
    std::string file() const { return path(name_ + ".pem"); }
    std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

    /// Files for somebody who is reached as `alternatives`, by name NAME.pem and NAME.key; those of
    /// that name are replaced.
    http::TlsOptions issue(const std::string& name,
                           const std::string& alternatives = "DNS:localhost,IP:127.0.0.1",
                           Life life = Life::good)
    {
        const Key key = make_key();
        const Certificate one = blank(key.get(), name, ++serial_);
        if (life == Life::expired) {
            ::X509_gmtime_adj(::X509_getm_notBefore(one.get()), -7200);
            ::X509_gmtime_adj(::X509_getm_notAfter(one.get()), -3600);
        }
        extend(one.get(), certificate_.get(), NID_subject_alt_name, alternatives);
        finish(one.get(), certificate_.get());
        http::TlsOptions options;
        options.certificate_chain = path(name + ".pem");
        options.private_key = path(name + ".key");
        options.authorities = file();
        save(one.get(), options.certificate_chain);
        const File to(std::fopen(options.private_key.c_str(), "w"));
        demand(::PEM_write_PrivateKey(to.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr)
               == 1);
        return options;
    }

private:
    static Certificate blank(EVP_PKEY* key, const std::string& name, long serial)
    {
        Certificate one(::X509_new());
        ::X509_set_version(one.get(), 2);
        ::ASN1_INTEGER_set(::X509_get_serialNumber(one.get()), serial);
        ::X509_gmtime_adj(::X509_getm_notBefore(one.get()), -3600);
        ::X509_gmtime_adj(::X509_getm_notAfter(one.get()), 3600);
        const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
        ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(one.get()), "CN", MBSTRING_ASC, text,
                                     -1, -1, 0);
        demand(::X509_set_pubkey(one.get(), key) == 1);
        return one;
    }

    void extend(int kind, const std::string& value)
    {
        extend(certificate_.get(), certificate_.get(), kind, value);
    }

    static void extend(X509* one, X509* issuer, int kind, const std::string& value)
    {
        X509V3_CTX context;
        ::X509V3_set_ctx(&context, issuer, one, nullptr, nullptr, 0);
        using Extension = std::unique_ptr<X509_EXTENSION, Freed<::X509_EXTENSION_free>>;
        const Extension made(::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
        demand(made && ::X509_add_ext(one, made.get(), -1) == 1);
    }

    void finish(X509* one, X509* issuer)
    {
        ::X509_set_issuer_name(one, ::X509_get_subject_name(issuer));
        demand(::X509_sign(one, key_.get(), nullptr) > 0);
    }

    static void save(X509* one, const std::string& path)
    {
        const File to(std::fopen(path.c_str(), "w"));
        demand(to && ::PEM_write_X509(to.get(), one) == 1);
    }

    support::TemporaryFolder folder_{"test"};
    std::string name_;
    Key key_;
    Certificate certificate_;
    long serial_ = 1;
};

}  // namespace galaxy::test
