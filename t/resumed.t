# Channel bindings on resumed TLS sessions: the certificate that the client was shown when its session
# began counts, whatever the server has beside it, or has got since.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256 sha512);
use File::Copy 'copy';
use File::Path 'make_path';
use IO::Socket::INET;
use MIME::Base64 'decode_base64';
use NegTest;
use NegTest::H2;
use NegTest::Httpd 'mpm';
use NegTest::Ports 'free_port';
use NegTest::Store;
use NegTest::TLS;

eval { require IO::Socket::SSL; require IO::Socket::SSL::Utils; 1 } or plan skip_all => 'IO::Socket::SSL is missing';

use constant SSL_CTRL_SET_SIGALGS_LIST => 98;    # of openssl/ssl.h; Net::SSLeay has no name for it

my $dir = stage_dir() . '/tls/resumed';
make_path($dir);
my $ca = NegTest::TLS->make_authority($dir);
$ca->make_certificate($_->[0], key => $_->[1], digest => $_->[2])
  for [qw(rsa rsa sha256)], [qw(ec ec sha512)], map { [ $_, qw(rsa sha256) ] } qw(renewed again relay);
open my $ticket_key, '>:raw', "$dir/tickets.key" or die "$dir/tickets.key: $!\n";
print $ticket_key map { chr int rand 256 } 1 .. 48;
close $ticket_key;
my %port = map { $_ => free_port() } qw(tickets cache kept names);

# How a session is kept, by whom, and which of the host's two certificates the client takes.
my @kinds = map { my $kind = $_; map { [ @$kind, $_ ] } qw(rsa ec) } (
    [ 'TLS 1.3, a ticket',            'TLSv1_3', 'tickets' ],
    [ 'TLS 1.3, in the cache',        'TLSv1_3', 'cache' ],
    [ 'TLS 1.2, a ticket',            'TLSv1_2', 'tickets' ],
    [ 'TLS 1.2, an id, in the cache', 'TLSv1_2', 'cache' ],
);

plan tests => 6 * @kinds + 26;

my $conf   = join "\n", locations(), hosts();
my $server = server(conf => "SSLSessionCache shmcb:\@dir\@/ssl(512000)\n$conf")->start;

for my $kind (@kinds) {
    my ($name, $version, $host, $key) = @$kind;
    my $client = client($version, $host, $key);
    my $bound  = begin($client);
    ok resumes($client, $bound, 200), "$name, $key: resumed, what the client was shown counts";
    ok resumes($client, $bound, 200), '... again';
    my $other = begin(client('TLSv1_3', 'tickets', $key eq 'rsa' ? 'ec' : 'rsa'));
    isnt $other, $bound, '... the host has another certificate';
    ok resumes($client, $other, 401), '... which is refused here';
    my $log = $server->log->mark;
    ok resumes($client, end_point('relay'), 401), '... as is that of a relay';
    like join("\n", $log->wait_for(qr/\(bindings\)/)), qr/server's: somebody relays a token/, '... which is said';
}

SKIP: {
    skip 'mod_http2 does not work with prefork', 3 if mpm() eq 'prefork';
    my $client = client('TLSv1_3', 'tickets', 'rsa', alpn => 'h2');
    my ($bound, @resumed);
    for (1 .. 2) {
        my $h2 = NegTest::H2->new(%$client);
        $bound ||= end_point_of($h2->{http} || $h2);
        push @resumed, $h2->{socket}->get_session_reused;
        is $h2->get('/require/env.pl', authorization => authorization($bound))->status, 200,
          'HTTP/2: what the client was shown counts';
        $h2->{socket}->close;
    }
    ok $resumed[1], '... on a resumed session';
}

# Hosts of one address: a session is good for the host that it began at.
{
    my $client = client('TLSv1_3', 'names', 'rsa', name => 'a.localhost');
    my $bound  = begin($client);
    ok resumes($client, $bound, 200), 'a host found by its name: resumed, what the client was shown counts';
    $client->{host} = $client->{ssl}{SSL_hostname} = 'b.localhost';
    is +(ask($client, $bound))[0], 401, '... and does not count at another host';
}

# A certificate is renewed. Whether a ticket of before is still good, httpd decides.
{
    my %before = map { ("$_->[0], $_->[1]" => client(@$_, 'rsa')) } map { my $v = $_; map { [ $v, $_ ] } qw(kept cache) } qw(TLSv1_2 TLSv1_3);
    begin($_) for values %before;
    renew($server, 'renewed');
    is +(ask($before{$_}))[0], 200, "$_, the certificate was renewed: what the client was shown counts" for sort keys %before;
    my $client = client('TLSv1_3', 'tickets', 'rsa');
    my $new    = begin($client);
    is $new, end_point('renewed'), 'a new session has the new certificate';
    ok resumes($client, $new, 200), '... which counts when it is resumed';
}
$server->stop;

# Sessions that were begun without this module.
{
    my $bare   = server(conf => $conf, defines => ['without_auth_negotiate'])->start;
    my $client = client('TLSv1_3', 'kept', 'rsa');
    my $bound  = begin($client);
    $bare->stop;
    $server->configure($conf)->start;
    my ($status, $resumed) = ask($client, $bound);
    ok !$resumed, 'a ticket that does not say what its client was shown is not used';
    is $status, 200, '... but the client enters';
    $server->stop;
}

SKIP: {
    my $missing = NegTest::Store->missing('redis');
    skip $missing, 9 if $missing;
    my $redis  = NegTest::Store->new('redis', $dir)->start;
    my $shared = 'SSLSessionCache ' . $redis->text . "\n$conf";
    my $bare   = server(conf => $shared, defines => ['without_auth_negotiate'])->start;
    my $client = client('TLSv1_2', 'cache', 'rsa');
    my $bound  = begin($client);
    $bare->stop;
    $server->configure($shared)->start;
    my $log  = $server->log->mark;
    ok resumes($client, $bound, 401), 'a session in a cache that does not say it is not guessed at';
    my $said = join "\n", $log->wait_for(qr/\(bindings\)/);
    like $said, qr/resumed TLS session that does not say which certificate/, '... which is said';
    unlike $said, qr/server's: somebody relays/, '... and nobody is called a relay';

    # These sessions live on while a certificate is renewed.
    my %before = map { $_ => client($_, 'cache', 'rsa') } qw(TLSv1_2 TLSv1_3);
    my %bound  = map { $_ => begin($before{$_}) } keys %before;
    renew($server, 'again');
    for my $version (sort keys %before) {
        isnt $bound{$version}, end_point('again'), "$version: another certificate than at the beginning";
        ok resumes($before{$version}, $bound{$version}, 200), '... what the client was shown counts';
        ok resumes($before{$version}, end_point('again'), 401), '... and not the new one';
    }
    $server->stop;
}

# mod_ssl has ended the session of a handshake that fails before other modules look at it.
{
    my $server = server(conf => $conf)->start;
    my %bytes  = ('plain HTTP' => "GET / HTTP/1.0\r\n\r\n", 'a record that is none' => "\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff");
    for my $what (sort keys %bytes) {
        for my $port (@port{qw(tickets cache)}) {
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10) or die "$port: $!\n";
            print $socket $bytes{$what};
            1 while read $socket, my $answer, 4096;
        }
        ok begin(client('TLSv1_3', 'tickets', 'rsa')), "$what in the place of a handshake: the next is served";
        is_deeply [ $server->log->crashes ], [], '... and no child has ended';
    }
    $server->stop;
}

sub renew {
    my ($on, $name) = @_;
    copy("$dir/$name.$_", "$dir/rsa.$_") or die "$dir/rsa.$_: $!\n" for qw(crt key);
    return $on->restart(graceful => 1);
}

# --- clients -----------------------------------------------------------------

# It has sessions of its own, and takes certificates of one kind.
sub client {
    my ($version, $host, $key, %opt) = @_;
    my $algorithms = $key eq 'rsa' ? 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256' : 'ecdsa_secp256r1_sha256';
    my $context = IO::Socket::SSL::SSL_Context->new(
        SSL_version             => $version,
        SSL_ca_file             => $ca->ca_file,
        SSL_verify_mode         => IO::Socket::SSL::SSL_VERIFY_PEER(),
        SSL_alpn_protocols      => [ $opt{alpn} || 'http/1.1' ],
        SSL_session_cache_size  => 8,
        SSL_create_ctx_callback => sub {
            Net::SSLeay::CTX_ctrl($_[0], SSL_CTRL_SET_SIGALGS_LIST, 0, $algorithms) or die "no $algorithms\n";
        },
    ) or die IO::Socket::SSL::errstr(), "\n";
    return {
        port => $port{$host},
        host => $opt{name} || "localhost:$port{$host}",
        tls  => 1,
        ssl  => { SSL_reuse_ctx => $context, SSL_session_key => 'the one', SSL_hostname => $opt{name} || 'localhost' },
    };
}

# A full handshake; returns the end point of the certificate that it brought.
sub begin {
    my ($client) = @_;
    my ($status, $resumed, $bound) = ask($client);
    die "the first session is resumed, or refused ($status)\n" if $resumed || $status != 200;
    return $bound;
}

# A new connection with the client's last session.
sub resumes {
    my ($client, $bound, $expected) = @_;
    my ($status, $resumed) = ask($client, $bound);
    diag "$status, " . ($resumed ? 'resumed' : 'a full handshake') if $status != $expected || !$resumed;
    return $resumed && $status == $expected;
}

# One request on a connection of its own, bound to what the client was shown unless told otherwise.
# OpenSSL forgets a session whose connection is not closed properly.
sub ask {
    my ($client, $bound) = @_;
    my $http    = NegTest::HTTP->new(%$client);
    my $resumed = $http->socket->get_session_reused;
    $bound ||= end_point_of($http);
    my $status = $http->get('/require/env.pl', Authorization => authorization($bound))->status;
    $http->socket->close;
    return ($status, $resumed, $bound);
}

sub authorization { return initiator('alice', bindings => $_[0])->authorization }

# --- end points --------------------------------------------------------------

# Of the certificate that the client has seen: of EC keys they are signed with SHA-512.
sub end_point_of {
    my ($http) = @_;
    return _end_point($http->{socket}->peer_certificate);
}

sub end_point { return _end_point(IO::Socket::SSL::Utils::PEM_file2cert("$dir/$_[0].crt")) }

sub _end_point {
    my ($x509) = @_;
    my $pem  = IO::Socket::SSL::Utils::PEM_cert2string($x509);
    my $hash = IO::Socket::SSL::Utils::CERT_asHash($x509)->{signature_alg} =~ /512/ ? \&sha512 : \&sha256;
    return 'tls-server-end-point:' . $hash->(decode_base64(join '', grep { !/^-/ } split /\n/, $pem));
}

# --- the server --------------------------------------------------------------

sub locations {
    return <<'CONF';
ScriptAliasMatch "^/.*/env\.pl$" "@stage@/cgi-bin/env.pl"
<Location /require>
    <IfDefine !without_auth_negotiate>
        AuthType Negotiate
        AuthName test
        Require valid-user
        AuthNegotiateKeytab @keytab@
        AuthNegotiateChannelBinding require
    </IfDefine>
</Location>
CONF
}

sub hosts {
    return join '', host('tickets', 'localhost', 'On', qw(rsa ec)), host('cache', 'localhost', 'Off', qw(rsa ec)),
      host('kept', 'localhost', "On\nSSLSessionTicketKeyFile $dir/tickets.key", qw(rsa ec)),
      host('names', 'a.localhost', 'On', qw(rsa ec)), host('names', 'b.localhost', 'On', qw(relay ec)),
      map { "Listen 127.0.0.1:$_\n" } sort values %port;
}

sub host {
    my ($port, $name, $tickets, @certificates) = @_;
    my $files = join '', map { "SSLCertificateFile $dir/$_.crt\nSSLCertificateKeyFile $dir/$_.key\n" } @certificates;
    return <<"CONF";
<VirtualHost 127.0.0.1:$port{$port}>
ServerName $name:$port{$port}
Protocols h2 http/1.1
SSLEngine On
SSLSessionTickets $tickets
$files</VirtualHost>
CONF
}
