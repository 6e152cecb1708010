#!/bin/sh
# khapgen route as a program: what FILE may be, many questions at once, what it ends with. What it says is held against HAProxy in tests/agreement.
. "$srcdir/tests/tap.sh"
tap_tmpdir
cd "$tap_tmp" || exit 99

cat >services.yaml <<'END'
nodes: {node1: 10.20.40.60}
services:
  site:
    nodePort: 32001
    hosts: [www.example.com]
  api:
    nodePort: 32002
    routes:
      - {host: www.example.com, path: /api}
END

route() { "$KHAPGEN" route "$@" --src 192.0.2.1 2>&1; }
first() { route "$@" | head -n 1; }

is 'a service map' "$(first services.yaml http://www.example.com/api/x)" 'backend api'
is 'its lines are told as the map' "$(route services.yaml http://www.example.com/api/x | grep -c ' services.yaml:9: use_backend api if')" 1
is 'a map on standard input' "$("$KHAPGEN" route - http://www.example.com/ <services.yaml | head -n 1)" 'backend site'
cp services.yaml map
is '--type' "$(first --type map map http://www.example.com/)" 'backend site'
is 'a type that is none' "$(route --type x map http://www.example.com/ | grep -c option-value)" 1
for release in 2.2 2.6; do
    "$KHAPGEN" -t $release --output-dir $release services.yaml >/dev/null || not_ok "a bundle for $release"
    is "a bundle for $release" "$(first -t $release $release http://www.example.com/api/x)" 'backend api'
done
mkdir other
cp 2.2/haproxy.cfg other/
is 'a directory of others: its paths are not below it' "$(first -t 2.2 other http://www.example.com/api/x)" 'perhaps unknown'

# where certificate and key are two files, releases up to 3.1 need a bundle
cat >keys.yaml <<END
nodes: {node1: 10.20.40.60}
certs: [{file: $tap_tmp/cert, key: $tap_tmp/key, hosts: [www.example.com]}]
services: {site: {nodePort: 32001, hosts: [www.example.com]}}
END
need openssl openssl
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=www.example.com -addext subjectAltName=DNS:www.example.com \
    -keyout key -out cert 2>/dev/null || not_ok 'openssl makes a certificate'
is 'a map that has to be a bundle' "$(first -t 2.6 keys.yaml https://www.example.com/)" 'backend site'

sed 's/nodePort: 32002/nodePort: x/' services.yaml >wrong.yaml
route wrong.yaml http://www.example.com/ >out
is 'a map with a fault: status' $? 2
is 'a map with a fault is told' "$(grep -c '^wrong.yaml:7:.*error' out)" 1

cat >explain.cfg <<'END'
defaults
    mode http
frontend web
    bind :80
    acl api path_beg /api
    http-request set-header X-A b unless !api
    use_backend one if { hdr(host) a.example b.example } api
    use_backend two if { req.hdr(x-y),lower -m str z } or !{ path /k }
    default_backend one
backend one
backend two
END
is '--explain: what a condition compared' "$(route --explain explain.cfg http://c.example/k -H 'X-Y: Q' | sed -n 's/^ *because //p')" \
    '`!api`: path_beg is `/k`
hdr(host) is `c.example`
req.hdr(x-y),lower is `q`; !path is `/k`'
is '--explain: in JSON' "$(route --explain --json explain.cfg http://c.example/api | grep -c '"held":false,"why":"hdr(host) is `c.example`","place"')" 1
is 'without it: only what took part' "$(route explain.cfg http://c.example/k | grep -c because)" 0

"$KHAPGEN" -o haproxy.cfg services.yaml 2>/dev/null
tab=$(printf '\t')
cat >questions <<END
http://www.example.com/api
# said of nothing

http://other.example/${tab}-H${tab}Host: www.example.com${tab}--method${tab}POST
http://www.example.com/${tab}-H${tab}Host:
END
is 'many questions' "$(route haproxy.cfg --requests questions | grep -v '^  ' | tr '\n' '|')" \
    'http://www.example.com/api:|backend api|http://other.example/\x09-H\x09Host: www.example.com\x09--method\x09POST:|backend site|http://www.example.com/\x09-H\x09Host::|denied 404|'
is 'many questions: a line of JSON each' "$(route haproxy.cfg --requests - --json <questions | grep -c '^{"question":"http://.*,"outcomes":\[{"kind":"[a-z]*","certain":true.*}\]}$')" 3
printf 'http://www.example.com/\t--json\n' >bad
route haproxy.cfg --requests bad >out
is 'another option in a line: status' $? 2
is 'another option in a line is told' "$(grep -c 'no option of a request' out)" 1

route haproxy.cfg http://www.example.com:99/ >/dev/null
is 'nothing listens: status' $? 1
printf 'defaults\n mode http\nfrontend f\n bind :80\n use_backend a if { rand(2) 1 }\n default_backend b\nbackend a\nbackend b\n' >rand.cfg
route rand.cfg http://x.example/ >/dev/null
is 'several outcomes: status' $? 0
route --certain rand.cfg http://x.example/ >/dev/null
is 'several outcomes, --certain: status' $? 1
route --certain haproxy.cfg http://www.example.com/ >/dev/null
is 'one outcome, --certain: status' $? 0
finish
