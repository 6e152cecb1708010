# SPDX-License-Identifier: MIT
# Makes the JSON Schema of the service map (draft 2020-12) from lib/model/keys.tsv.
#   LC_ALL=C awk -f schema.awk keys.tsv
# It says what one key alone can be; what keys mean together is for khapgen.
BEGIN {
    FS = "\t"
    # a word of one line: no control characters
    word = "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1,\"pattern\":\"^[^\\\\u0000-\\\\u001f\\\\u007f]*$\"},{\"type\":[\"number\",\"boolean\"]}]}"
    label = "[-A-Za-z0-9_]{1,63}"
    host = label "(\\\\." label ")*\\\\.?"
    token = "[-!#$%&'*+.^_`|~0-9A-Za-z]+"
    name = "[A-Za-z0-9._:-]{1,255}"
    printable = "[^\\\\u0000-\\\\u001f\\\\u007f]"

    scalar["bool"] = "{\"enum\":[true,false,\"true\",\"false\"]}"
    scalar["text"] = "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^" printable "*$\"},{\"type\":[\"number\",\"boolean\"]}]}"
    scalar["file"] = word
    scalar["time"] = "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"string\",\"pattern\":\"^[0-9]+(us|ms|s|m|h|d)?$\"}]}"
    scalar["time(s)"] = "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\",\"pattern\":\"^[0-9]+(us|ms|s|m|h|d)?$\"}]}"
    scalar["target"] = "{\"anyOf\":[{\"type\":\"number\",\"minimum\":1.5},{\"type\":\"string\",\"pattern\":\"^[0-9]+\\\\.[0-9]+(\\\\.[0-9]+)?(-[0-9]+\\\\.[0-9]+(\\\\.[0-9]+)?)?$\"}]}"
    scalar["socket"] = "{\"type\":\"string\",\"pattern\":\"^/[!-#%-+.-?A-~-]{1,89}$\"}"
    scalar["octal"] = "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":7777},{\"type\":\"string\",\"pattern\":\"^[0-7]{3,4}$\"}]}"
    scalar["name"] = "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^" name "$\"},{\"type\":[\"number\",\"boolean\"]}]}"
    scalar["logtarget"] = "{\"type\":\"string\",\"pattern\":\"^(stdout|stderr|/" printable "*|" printable "*:[0-9]+|[0-9.]+|\\\\[?[0-9a-fA-F:.]+\\\\]?)$\"}"
    scalar["hostaddress"] = "{\"type\":\"string\",\"pattern\":\"^(" host "|\\\\[?[0-9a-fA-F:.]+\\\\]?)$\"}"
    scalar["bind"] = "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},{\"type\":\"string\",\"pattern\":\"^[]0-9a-fA-F:.*[]*:[0-9]+(-[0-9]+)?$\"}]}"
    scalar["endpoint"] = "{\"type\":\"string\",\"pattern\":\"^[]A-Za-z0-9_.:[-]+:[0-9]+$\"}"
    scalar["network"] = "{\"type\":\"string\",\"pattern\":\"^[0-9a-fA-F:.]+(/[0-9]+)?$\"}"
    scalar["host"] = "{\"type\":\"string\",\"maxLength\":256,\"pattern\":\"^(\\\\*\\\\.)?(" host "|\\\\[?[0-9a-fA-F:.]+\\\\]?)$\"}"
    scalar["hostname"] = "{\"type\":\"string\",\"maxLength\":254,\"pattern\":\"^(" host "|\\\\[?[0-9a-fA-F:.]+\\\\]?)$\"}"
    scalar["path"] = "{\"type\":\"string\",\"pattern\":\"^/[!-~]*$\"}"
    scalar["uri"] = "{\"type\":\"string\",\"pattern\":\"^/[!-~]*$\"}"
    scalar["headervalue"] = word
    scalar["logformat"] = word
    scalar["headername"] = "{\"type\":\"string\",\"maxLength\":255,\"pattern\":\"^" token "$\"}"
    scalar["cookiename"] = scalar["headername"]
    scalar["status"] = "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":100,\"maximum\":599},{\"type\":\"string\",\"pattern\":\"^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$\"}]}"
    scalar["balance"] = "{\"type\":\"string\",\"pattern\":\"^(roundrobin|static-rr|leastconn|first|source|uri|url_param|hdr|random|rdp-cookie|hash|log-hash|sticky)([ (]" printable "*)?$\"}"
    scalar["realm"] = "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":255,\"pattern\":\"^[ !#-\\\\[\\\\]-~]+$\"},{\"type\":[\"number\",\"boolean\"]}]}"
    scalar["origin"] = "{\"type\":\"string\",\"maxLength\":255,\"pattern\":\"^(\\\\*|https?://([*][.])?[-a-z0-9._]+(:[0-9]+)?)$\"}"
    scalar["mediatype"] = "{\"type\":\"string\",\"maxLength\":255,\"pattern\":\"^" token "/" token "$\"}"
    scalar["limitkey"] = "{\"type\":\"string\",\"pattern\":\"^(src|(header|cookie) [-A-Za-z0-9_.]{1,255})$\"}"
    scalar["lines"] = "{\"type\":[\"string\",\"number\",\"boolean\"]}"

    # names that become names of HAProxy's
    names["nodes"] = "^" name "$"
    names["services"] = names["frontends"] = "^(?!khap-)" name "$"
    names["services.*.basicAuth.users"] = "^[^:\\u0000-\\u001f\\u007f]{1,255}$"
    names["services.*.errorPages"] = "^(400|403|404|405|408|410|425|429|500|501|502|503|504)$"
    # what an object cannot do without
    need["nodes.*"] = "\"required\":[\"address\"]"
    need["services.*.servers[]"] = "\"required\":[\"name\",\"address\"]"
    need["services.*.hash"] = "\"oneOf\":[{\"required\":[\"by\"]},{\"required\":[\"header\"]},{\"required\":[\"cookie\"]}]"
    need["tests[]"] = "\"required\":[\"url\",\"expect\"]"
    need["acme"] = "\"required\":[\"server\"]"
    need["certs[]"] = "\"oneOf\":[{\"required\":[\"directory\"]},{\"required\":[\"file\"]},{\"required\":[\"crtList\"]},{\"required\":[\"placeholder\"],\"properties\":{\"placeholder\":{\"const\":true}}}]"
    names["tests[].headers"] = names["tests[].expect.headers"] = "^" token "$"
    alone["nodes"] = alone["services"] = alone["frontends"] = 1
}
/^#/ || /^$/ { next }
{
    n++
    path[n] = $1; type[$1] = $2; standard[$1] = $6; about[$1] = $8
    up = $1
    if (up ~ /\[\]$/) sub(/\[\]$/, "", up)
    else if (!sub(/\.[^.]*$/, "", up)) up = ""
    members[up] = members[up] " " n
}

function json(s)
{
    gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/\t/, "\\t", s)
    return "\"" s "\""
}

function fail(text) { print "schema.awk: " text > "/dev/stderr"; failed = 1 }

# the last part of a path
function leaf(p)
{
    sub(/^.*\./, "", p)
    return p
}

function scalar_schema(t,    inner, bounds, words, i, m, out)
{
    if (t ~ /^int\(/) {
        inner = substr(t, 5, length(t) - 5)
        split(inner, bounds, "-")
        return "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":" bounds[1] ",\"maximum\":" bounds[2] "},{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"}]}"
    }
    if (t ~ /^enum\(/) {
        m = split(substr(t, 6, length(t) - 6), words, "|")
        out = ""
        for (i = 1; i <= m; i++) out = out (i > 1 ? "," : "") json(words[i]) (words[i] ~ /^[0-9]+([.][0-9]+)?$/ ? "," words[i] : "")
        return "{\"enum\":[" out "]}"
    }
    if (t in scalar) return scalar[t]
    fail("type without a schema: " t)
    return "{}"
}

function describe(p,    text)
{
    text = about[p]
    if (standard[p] != "-" && standard[p] != "") text = text " Default: " standard[p] "."
    return json(text)
}

# alternatives, or the only one with the description in it
function join(p, list, count)
{
    if (count == 1 && substr(list, 1, 1) == "{")
        return "{\"description\":" describe(p) "," substr(list, 2)
    return "{\"description\":" describe(p) ",\"anyOf\":[" list "]}"
}

function object_schema(p,    list, m, i, q, out)
{
    out = ""
    m = split(members[p], list, " ")
    for (i = 1; i <= m; i++) {
        q = path[list[i]]
        out = out (i > 1 ? "," : "") "\n" json(leaf(q)) ":" schema(q)
    }
    return "{\"type\":[\"object\",\"null\"]," ((p in need) ? need[p] "," : "") "\"additionalProperties\":false,\"patternProperties\":{\"^x-\":true},\"properties\":{" out "}}"
}

function schema(p,    t, about_it, off, list, count, key, inner, item)
{
    t = type[p]
    about_it = p
    off = sub(/\|false$/, "", t)
    count = 1
    if (t == "same(services.*)")
        return "{\"$ref\":\"#/$defs/service\",\"description\":" describe(p) "}"
    if (t ~ /^same\(/) {
        p = substr(t, 6, length(t) - 6)
        t = type[p]
        off = sub(/\|false$/, "", t)
    }
    if (p == "services.*")
        return "{\"$ref\":\"#/$defs/service\"}"
    if (t ~ /^object/) {
        list = object_schema(p)
        if (t ~ /^object\(/) {
            key = substr(t, 8, length(t) - 8)
            if (match(key, /\|/)) {
                list = list ",{\"const\":" json(substr(key, RSTART + 1)) "}"
                key = substr(key, 1, RSTART - 1)
            }
            list = list "," schema(p "." key)
            count++
        }
    } else if (t ~ /^map\(/) {
        list = "{\"type\":[\"object\",\"null\"]," ((p in names) ? "\"propertyNames\":{\"pattern\":\"" names[p] "\"}," : "") "\"additionalProperties\":" ((p ".*") in type ? schema(p ".*") : scalar_schema(substr(t, 5, length(t) - 5))) "}"
    } else if (t ~ /^list\(/) {
        item = (p "[]") in type ? schema(p "[]") : scalar_schema(substr(t, 6, length(t) - 6))
        list = "{\"type\":\"array\",\"items\":" item "}," item
        count++
    } else
        list = scalar_schema(t)
    if (off) {
        list = list ",{\"const\":false}"
        count++
    }
    return join(about_it, list, count)
}

END {
    out = ""
    m = split(members[""], list, " ")
    for (i = 1; i <= m; i++) out = out (i > 1 ? "," : "") "\n" json(path[list[i]]) ":" schema(path[list[i]])
    print "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
    print "\"title\":" json(title == "" ? "khap service map" : title) ","
    print "\"description\":" json(about_all == "" ? "What `khapgen` makes a haproxy.cfg from; khap-services(5) explains it." : about_all) ","
    print "\"type\":\"object\",\"additionalProperties\":false,\"patternProperties\":{\"^x-\":true},"
    if ("services.*" in type) print "\"$defs\":{\"service\":" join("services.*", object_schema("services.*"), 1) "},"
    print "\"properties\":{" out "}}"
    if (failed) exit 1
}
