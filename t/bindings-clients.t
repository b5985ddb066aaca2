# Channel bindings as real clients send them: Java, curl, HTTP/2; by SNI, and after a new certificate.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256 sha384);
use File::Copy 'copy';
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';
use NegTest::TLS;

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

my $dir = stage_dir() . '/tls/clients';
mkdir $dir or die "$dir: $!\n";
my $ca = NegTest::TLS->make_authority($dir);
$ca->make_certificate('rsa', key => 'rsa');
$ca->make_certificate('ec', digest => 'sha384');
$ca->make_certificate('renewed', digest => 'sha384');

# Names that clients use, each with a certificate.
my $port = free_port();
my %HOST = (localhost => 'rsa', 'www.example.test' => 'ec');
my $server = server(conf => configuration())->start;

plan tests => 31;

# --- SNI: two certificates on one port ----------------------------------------

for my $host (sort keys %HOST) {
    my $hash = $HOST{$host} eq 'rsa' ? \&sha256 : \&sha384;
    my $http = over_tls($host);
    is ask($http, '/require', end_point($http, $hash))->status, 200, "SNI: $host has its own certificate";
    my ($other) = grep { $_ ne $host } keys %HOST;
    my $else = over_tls($other);
    is ask($http, '/require', end_point($else, $HOST{$other} eq 'rsa' ? \&sha256 : \&sha384))->status,
      401, '... and not the other\'s';
}

# --- HTTP/2 --------------------------------------------------------------------

SKIP: {
    skip 'no HTTP/2 here', 6 if curl(ccache('alice'), '--version') !~ /\bHTTP2\b/;
    my $bound = end_point(over_tls('localhost'), \&sha256);
    for my $bindings ($bound, undef, 'tls-server-end-point:nonsense') {
        # A ready-made token: the version of curl does not matter.
        my $line   = 'Authorization: ' . initiator('alice', bindings => $bindings)->authorization;
        my $output = curl(ccache('alice'), '--http2', '--include', '--cacert', $ca->ca_file,
            '-H', $line, "https://localhost:$port/require/env.pl");
        my $status = defined $bindings && $bindings eq $bound ? 200 : 401;
        like $output, qr{\AHTTP/2 $status\b}, "a stream of HTTP/2: $status";
        is $output =~ /^NEGOTIATE_CHANNEL_BOUND=1\s*$/m ? 1 : 0, $status == 200 ? 1 : 0, '... bound if granted';
    }
}

# --- Java ----------------------------------------------------------------------

SKIP: {
    my ($missing, $trust) = java_trust();
    skip $missing, 6 if $missing;
    my $java = sub {
        my ($cbt) = @_;
        my $output = run(
            [ 'java', '-Djavax.security.auth.useSubjectCredsOnly=false', '-Djdk.https.negotiate.cbt=' . $cbt,
                "-Djavax.net.ssl.trustStore=$trust", '-Djavax.net.ssl.trustStorePassword=changeit',
                '-Djava.security.krb5.conf=' . kdc()->krb5_conf,
                source_dir() . '/t/clients/NegotiateGet.java',
                map { "https://localhost:$port/$_/env.pl" } qw(require optional off) ],
            env => { KRB5CCNAME => ccache('alice') }, timeout => 120
        )->{output};
        return [ split /\n/, $output ];
    };
    my $bound = $java->('always');
    is $bound->[0], '200 1', 'Java with cbt=always enters where bindings are required' or diag "@$bound";
    is $bound->[1], '200 1', '... is bound where they are optional';
    is $bound->[2], '200 0', '... and is not where they are off';
    my $plain = $java->('never');
    is $plain->[0], 'refused', 'Java without them is refused where they are required' or diag "@$plain";
    is $plain->[1], '200 0', '... and enters where they are optional';
    is $plain->[2], '200 0', '... and where they are off';
}

# --- curl ----------------------------------------------------------------------

SKIP: {
    my ($version) = curl(ccache('alice'), '--version') =~ /^curl (\d+\.\d+)/;
    my ($major, $minor) = split /\./, $version;
    skip "curl $version sends no channel bindings; 8.10 does", 7 if $major < 8 || $major == 8 && $minor < 10;
    for my $host (sort keys %HOST) {
        is curl_sees($host, 'require'), '200 1', "curl $version enters where bindings are required ($host)";
        is curl_sees($host, 'optional'), '200 1', '... and is bound where they are optional';
        is curl_sees($host, 'off'), '200 0', '... and is not where they are off';
    }
    is curl_sees('localhost', 'require', '--http2'), '200 1', 'curl over HTTP/2, where there is one';
}

# --- a new certificate -----------------------------------------------------------

{
    my $open = over_tls('localhost');
    my $old  = end_point($open, \&sha256);
    is ask($open, '/persist', $old)->status, 200, 'before a new certificate';
    copy("$dir/renewed.$_", "$dir/rsa.$_") or die "rsa.$_: $!\n" for qw(crt key);
    ok $server->restart(graceful => 1), 'it comes with a graceful restart';
    my $http = wait_for_certificate($old);
    my $new  = end_point($http, \&sha384);
    isnt $new, $old, 'it is another';
    is ask($http, '/require', $new)->status, 200, 'its hash counts at once';
    is ask(over_tls('localhost'), '/require', $old)->status,  401, '... and the old one no more';
    is ask(over_tls('localhost'), '/optional', $old)->status, 401, '... where they are optional, too';
    is ask(over_tls('www.example.test'), '/require', end_point(over_tls('www.example.test'), \&sha384))->status,
      200, 'the other host\'s is as it was';
}
is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;

# --- clients ---------------------------------------------------------------------

sub over_tls {
    my ($host) = @_;
    require IO::Socket::SSL;
    my $http = NegTest::HTTP->new(port => $port, host => "$host:$port");
    # The certificates are all for localhost: only SNI has the name.
    IO::Socket::SSL->start_SSL($http->socket, SSL_hostname => $host, SSL_ca_file => $ca->ca_file,
        SSL_verifycn_name => 'localhost', SSL_verifycn_scheme => 'http', SSL_alpn_protocols => ['http/1.1'])
      or die 'TLS: ', IO::Socket::SSL::errstr(), "\n";
    return $http;
}

sub end_point {
    my ($http, $hash) = @_;
    return 'tls-server-end-point:' . $hash->($http->peer_certificate);
}

sub ask {
    my ($http, $path, $bindings) = @_;
    return $http->get("$path/env.pl", Authorization => initiator('alice', bindings => $bindings)->authorization);
}

# A child of the old generation may still take a connection or two.
sub wait_for_certificate {
    my ($old) = @_;
    my $http;
    wait_until(sub { $http = over_tls('localhost'); end_point($http, \&sha256) ne $old }, 20)
      or die "the old certificate is still there\n";
    return $http;
}

sub curl_sees {
    my ($host, $path, @args) = @_;
    my $output = curl(ccache('alice'), '--negotiate', '-u', ':', '--include', '--insecure', @args,
        '--resolve', "$host:$port:127.0.0.1", "https://$host:$port/$path/env.pl");
    my @status = $output =~ m{^HTTP/\S+ (\d+)}mg;
    my ($bound) = $output =~ /^NEGOTIATE_CHANNEL_BOUND=(\d)/m;
    return join ' ', @status ? $status[-1] : 'no answer', defined $bound ? $bound : ();
}

# A trust store with our authority; or else why there is none.
sub java_trust {
    for my $program (qw(java javac keytool)) {
        return "there is no $program (no JDK)" if !grep { -x "$_/$program" } split /:/, $ENV{PATH};
    }
    my $store = "$dir/trust.p12";
    my $r     = run([ 'keytool', '-importcert', '-noprompt', '-alias', 'ca', '-file', $ca->ca_file,
            '-keystore', $store, '-storepass', 'changeit', '-storetype', 'PKCS12' ], timeout => 60);
    return $r->{ok} ? (undef, $store) : "keytool failed: $r->{output}";
}

# --- the server --------------------------------------------------------------------

sub configuration {
    my $any = "AuthType Negotiate\nAuthName test\nRequire valid-user\n";
    my @locations = map { "<Location /$_->[0]>\n$any$_->[1]\n</Location>\n" } ['optional', ''],
      [ off => 'AuthNegotiateChannelBinding off' ], [ require => 'AuthNegotiateChannelBinding require' ],
      [ persist => 'AuthNegotiatePersist On' ];
    my @hosts = map { host($_, $HOST{$_}) } sort keys %HOST;
    return join "\n", 'ScriptAliasMatch "^/\w+/env\.pl$" "@stage@/cgi-bin/env.pl"',
      'AuthNegotiateKeytab @keytab@', "Protocols h2 http/1.1",
      "Listen 127.0.0.1:$port", @locations, @hosts;
}

sub host {
    my ($name, $certificate) = @_;
    return <<"CONF";
<VirtualHost 127.0.0.1:$port>
    ServerName $name:$port
    SSLEngine On
    SSLCertificateFile "$dir/$certificate.crt"
    SSLCertificateKeyFile "$dir/$certificate.key"
</VirtualHost>
CONF
}
