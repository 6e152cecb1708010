// build.cc - a service map made by calls, without any YAML file, from C++17
//
//   c++ -std=c++17 build.cc $(pkg-config --cflags --libs libkhap) -o build
//   ./build > haproxy.cfg
//
// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <khap/khap.h>

namespace
{

template <typename T, void (*release)(T *)> struct releaser {
    void operator()(T *handle) const
    {
        release(handle);
    }
};
template <typename T, void (*release)(T *)> using owned = std::unique_ptr<T, releaser<T, release>>;

khap_str str(std::string_view text)
{
    return {text.data(), text.size()};
}

int to_stream(void *ctx, const char *data, size_t len)
{
    auto *stream = static_cast<std::ostream *>(ctx);
    stream->write(data, static_cast<std::streamsize>(len));
    return stream->good() ? 0 : 1;
}

void must(khap_status status, const char *what)
{
    if (status != KHAP_OK)
        throw std::runtime_error(std::string(what) + ": " + khap_status_text(status));
}

} // namespace

int main()
{
    khap_sources *raw_sources = nullptr;
    khap_diags *raw_diags = nullptr;
    khap_model *raw_model = nullptr;
    khap_bundle *raw_bundle = nullptr;
    khap_sink out{&std::cout, to_stream}, err{&std::cerr, to_stream};

    try {
        must(khap_sources_new(nullptr, &raw_sources), "sources");
        owned<khap_sources, khap_sources_free> sources(raw_sources);
        must(khap_diags_new(nullptr, sources.get(), &raw_diags), "diagnostics");
        owned<khap_diags, khap_diags_free> diags(raw_diags);
        must(khap_model_new(nullptr, &raw_model), "map");
        owned<khap_model, khap_model_free> model(raw_model);

        const char *const settings[][2] = {
            {"nodes.node1", "10.20.40.60"},          {"nodes.node2", "{address: 10.20.40.61, weight: 50}"},
            {"services.web.nodePort", "32001"},      {"services.web.hosts", "[example.com, '*.example.com']"},
            {"services.web.check.path", "/healthz"}, {"services.web.default", "true"},
        };
        khap_status status = KHAP_OK;
        for (const auto &setting : settings) {
            status = khap_model_set(model.get(), str(setting[0]), str(setting[1]), khap_place{}, diags.get());
            if (status != KHAP_OK)
                break;
        }
        if (status == KHAP_OK)
            status = khap_generate(model.get(), nullptr, diags.get(), &raw_bundle);
        owned<khap_bundle, khap_bundle_free> bundle(raw_bundle);
        if (status == KHAP_OK)
            status = khap_bundle_file_print(khap_bundle_next(bundle.get(), nullptr), &out);
        khap_diags_print(diags.get(), 0, &err);
        must(status, "generate");
    } catch (const std::exception &error) {
        std::cerr << "build: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
