# TLS ends in haproxy: the two configurations of docs/proxies.md, as they stand there, with other
# names, ports and certificates.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA 'sha256';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';
use NegTest::Process 'wait_until';
use NegTest::TLS;

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';
plan skip_all => 'haproxy is missing' if !run([ 'haproxy', '-v' ])->{ok};

my $dir = stage_dir() . "/haproxy-$$";
mkdir $dir;
chmod 0755, $dir;
my ($crt, $key) = NegTest::TLS->make_authority($dir)->make_certificate('localhost', key => 'rsa');
my $port = free_port();

sub read_file { my ($file) = @_; open my $in, '<', $file or die "$file: $!"; local $/; return scalar <$in> }
sub put { my ($file, $text) = @_; open my $out, '>', $file or die "$file: $!"; print $out $text; close $out; return $file }

# The blocks of indented lines in that section; empty lines do not end one.
my ($section) = read_file(source_dir() . '/docs/proxies.md') =~ /^## TLS ends in haproxy\n(.*?)^## /ms;
my ($of_haproxy, $of_httpd) = $section =~ /((?:^    .*\n|^\n(?=    ))+)/mg;
put("$dir/both.pem", read_file($crt) . read_file($key));
chmod 0600, "$dir/both.pem";

my $server = server(conf => '');
my $listen = $server->port;
$of_httpd =~ s/^ *Listen .*\n//m;
$of_httpd =~ s/127\.0\.0\.1:8080/127.0.0.1:$listen/g;
$of_httpd =~ s{/etc/apache2/http\.keytab}{\@keytab\@};
$of_httpd =~ s{/etc/ssl/certs/www\.example\.com\.pem}{$crt};
$of_httpd =~ s{www\.example\.com:443}{localhost:$port};
$of_httpd =~ s{(?=^ *Require valid-user)}{AuthNegotiateBasicProvider kerberos\n}m;
$server->configure(qq{ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"\n$of_httpd})->start;

$of_haproxy =~ s/:443/127.0.0.1:$port/;
$of_haproxy =~ s/127\.0\.0\.1:8080/127.0.0.1:$listen/;
$of_haproxy =~ s{/etc/haproxy/www\.example\.com\.pem}{$dir/both.pem};
my $haproxy = NegTest::Process->start([ 'haproxy', '-db', '-q', '-f', put("$dir/haproxy.cfg", $of_haproxy) ],
    output => "$dir/haproxy.out");

sub over_tls { return http(port => $port, tls => 1, ca_file => "$dir/ca.crt") }
wait_until(sub { !$haproxy->alive || eval { over_tls(); 1 } }, 10) && $haproxy->alive
  or die 'haproxy did not start: ', $haproxy->output;

my $page = '/private/env.pl';
my $r    = over_tls()->get($page);
is_deeply [ $r->status, grep { /Negotiate/ } $r->challenges ], [ 401, 'Negotiate' ], 'through haproxy: a challenge';

my $gss = initiator('alice');
$r = over_tls()->get($page, Authorization => $gss->authorization);
is $r->status, 200, 'a token';
ok $gss->finish($r) && $gss->mutual, '... and the server proves itself';
is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', '... REMOTE_USER';
is $r->env->{NEGOTIATE_CHANNEL_BOUND}, '0', '... bound to no channel';
my ($cookie) = $r->header('Set-Cookie');
like $cookie, qr/^__Host-negotiate_\w+=.*; Secure$/, '... a session, for https alone';
is over_tls()->get($page, Cookie => $cookie =~ s/;.*//r)->env->{NEGOTIATE_SOURCE}, 'session', '... which is used';

my $bound = 'tls-server-end-point:' . sha256(over_tls()->peer_certificate);
$r = over_tls()->get($page, Authorization => initiator('alice', bindings => $bound)->authorization);
is_deeply [ $r->status, $r->env->{NEGOTIATE_CHANNEL_BOUND} ], [ 200, '1' ], "a token that is bound to haproxy's certificate";
is over_tls()->get($page, Authorization => initiator('alice', bindings => 'another')->authorization)->status, 401,
  '... to another: 401';

my $large = over_tls()->get($page, Authorization => initiator('alice')->authorization, 'X-Large' => 'x' x 40_000);
isnt $large->status, 400, 'a header of 40,000 characters comes through';

is over_tls()->get($page, Authorization => 'Basic ' . encode_base64('alice:alice', ''))->status, 200, 'a password';
SKIP: {
    my $log = $server->log;
    $log->mark;
    my $status = run([ 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', 20, '--cacert', "$dir/ca.crt", '--interface', '127.0.0.2',
            '-u', 'alice:wrong', '-H', 'X-Forwarded-For: 192.0.2.1', "https://localhost:$port$page" ]);
    skip 'curl cannot use 127.0.0.2 here', 1 if !$status->{ok};
    ok $log->wait_for(qr/\[client 127\.0\.0\.2(?::\d+)?\] user alice: authentication failure/),
      "a wrong one, with the client's own address, which it cannot make up";
}
is_deeply [ $server->log->crashes ], [], 'nobody died';

$haproxy->stop;
$server->stop;
done_testing;
