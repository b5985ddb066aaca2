package NegTest::BenchCases;

# What t/bench/run measures, and what is to be reached.

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 'encode_base64';

our @EXPORT_OK = qw(cases conf goals);

my $BASIC = 'Authorization: Basic ' . encode_base64('alice:alice', '');

# httpd gives memory that a request has used back when it is over.
my @TRIM = (server => 'trim', server_conf => 'MaxMemFree 8');

# name   what goals and the command line call it
# label  what the table calls it
# path   the location, and conf what it has beside AuthType, AuthName and Require
# load   options of t/bench/load; accept: those of t/bench/accept, instead of a server
# ccache whose ticket, where it is not alice's
# server which httpd: main, or another name; *-stock has Debian's krb5.conf, and alone-* has not this
#        module, whose kept krb5 context would spare the other one the reading of krb5.conf
# port   of a virtual host
# open   nobody is asked who he is
# full   not in a quick run: what takes long
sub cases {
    my (%opt) = @_;
    my @each  = (-t => 'each');
    my @first = (-t => 'first');
    my @cases = (
        { name => 'page', label => 'unprotected page', path => 'plain', instructions => 1 },
        { name => 'page-without', label => 'unprotected page, this module not loaded', path => 'plain', server => 'alone', instructions => 1 },
        open_page('page-open', 'unprotected page, in a section of its own', 'open', '', instructions => 1),
        { name => 'page-trim', label => 'unprotected page, MaxMemFree 8', path => 'plain', instructions => 1, @TRIM },
        httpds('page-basic', "page of httpd's mod_auth_basic", load => [ -H => $BASIC ], instructions => 1),
        httpds('401-basic', "401 of httpd's mod_auth_basic", load => [ -s => 401 ], instructions => 1),
        ours('401', '401', 'negotiate', '', load => [ -s => 401 ], instructions => 1),
        peer('401-peer', '401', 'peer', '', load => [ -s => 401 ]),

        ours('negotiate', 'Negotiate on every request', 'negotiate', '', load => \@each, instructions => 1),
        ours('negotiate-memory', 'Negotiate, AuthNegotiateReplayCache memory', 'memory', '', load => \@each,
            instructions => 1, server => 'memory', server_conf => "DefaultRuntimeDir %runtime%\nAuthNegotiateReplayCache memory"),
        { name => 'page-memory', label => 'unprotected page, beside AuthNegotiateReplayCache memory', path => 'plain', server => 'memory' },
        ours('negotiate-shmcb', 'Negotiate, AuthNegotiateReplayCache shmcb', 'shmcb', '', load => \@each,
            port => 'shmcb', server_conf => 'AuthNegotiateReplayCache shmcb:@dir@/replay(8388608)'),
        peer('negotiate-peer', 'Negotiate on every request', 'peer', '', load => \@each, instructions => 1),
        peer('negotiate-peer-beside', 'Negotiate on every request, beside this module', 'peer', '', load => \@each, server => 'main'),
        { name => 'limit', label => 'GSSAPI alone, default replay cache', accept => [] },
        { name => 'limit-none', label => 'GSSAPI alone, no replay cache', accept => [ -r => 'none:' ] },
        bare('bare', 'GSSAPI alone within httpd, default replay cache', '', load => \@each, instructions => 1),
        bare('bare-none', 'GSSAPI alone within httpd, no replay cache', 'none:', load => \@each, instructions => 1),
        { name => 'limit-2', label => 'GSSAPI alone, two threads', accept => [ -t => 2 ] },
        { name => 'limit-2-processes', label => 'GSSAPI alone, two processes', accept => [ -p => 2 ] },

        (map { many_keys(@$_, \@each) } [ \&ours, '' ], [ \&peer, '-peer' ]),
        (map { stock(@$_, \@each) } [ \&ours, '' ], [ \&peer, '-peer' ]),
        { name => 'page-stock', label => "unprotected page, Debian's krb5.conf", path => 'plain', server => 'stock' },
        { name => 'limit-stock', label => "GSSAPI alone, Debian's krb5.conf", accept => [], server => 'stock' },

        ours('indicator', 'a ticket with an indicator, Require auth-indicator', 'indicator', 'Require auth-indicator spake',
            load => \@each, ccache => 'indicated'),
        (map { groups($_, \@each) } 0, 100, 500),
        ours('groups-unread', 'a ticket with 500 groups that nobody asks for', 'negotiate', '', load => \@each,
            ccache => 'groups-500'),
        peer('groups-peer', 'a ticket with 500 groups that nobody asks for', 'peer', '', load => \@each,
            ccache => 'groups-500'),

        ours('connection', 'kept for the connection', 'connection', 'AuthNegotiatePersist On', load => \@first, instructions => 1),
        peer('connection-peer', 'kept for the connection', 'peer-connection', 'GssapiConnectionBound On', load => \@first,
            instructions => 1),
        ours('cookie', 'session cookie', 'cookie', 'AuthNegotiateSession On', load => [ @first, '-k' ], instructions => 1),
        peer('cookie-peer', 'session cookie', 'peer-cookie',
            "GssapiUseSessions On\nSession On\nSessionCookieName gssapi path=/;httponly", load => [ @first, '-k' ],
            instructions => 1),
        ours('cookie-store', 'session cookie, AuthNegotiateSessionStore shmcb', 'cookie', 'AuthNegotiateSession On',
            load => [ @first, '-k' ], instructions => 1, server => 'store',
            server_conf => 'AuthNegotiateSessionStore shmcb:@dir@/sessions(8388608)'),
        { name => 'page-store', label => 'unprotected page, beside AuthNegotiateSessionStore shmcb', path => 'plain', server => 'store' },
        ours('basic', 'Basic, not cached', 'basic', "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider kerberos",
            load => [ -H => $BASIC ], requests => 100),
        ours('basic-cached', 'Basic, cached by mod_authn_socache', 'basic-cached',
            "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider socache kerberos\nAuthNegotiateUser strip\n"
              . 'AuthnCacheProvideFor kerberos',
            load => [ -H => $BASIC ], requests => 100, server_conf => "AuthnCacheEnable\nAuthnCacheSOCache shmcb"),
        ours('file-basic', "Basic, httpd's provider file", 'basic-file',
            "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider file\nAuthUserFile \@stage\@/users", load => [ -H => $BASIC ]),
        peer('basic-peer', 'Basic, not cached', 'peer-basic', "GssapiBasicAuth On\nGssapiBasicAuthMech krb5",
            load => [ -H => $BASIC ], requests => 100),
        ours('delegate', 'delegation to FILE', 'delegate', 'AuthNegotiateDelegate FILE:@stage@/delegated',
            load => [ @each, '-d' ]),
        peer('delegate-peer', 'delegation to FILE', 'peer-delegate', 'GssapiDelegCcacheDir @stage@/delegated',
            load => [ @each, '-d' ]),

        (map { connections($_, \@each) } 2, 4, 16),

        { name => 'page-tls', label => 'unprotected page, TLS', path => 'plain', load => ['-T'], port => 'tls' },
        ours('negotiate-tls', 'Negotiate on every request, TLS', 'negotiate', '', load => [ @each, '-T' ], port => 'tls'),
        ours('connection-tls', 'kept for the connection, TLS', 'connection', 'AuthNegotiatePersist On', load => [ @first, '-T' ],
            port => 'tls'),
        { name => 'page-h2', label => 'unprotected page, HTTP/2', path => 'plain', port => 'tls', h2 => '2xx' },
        ours('401-h2', '401, HTTP/2', 'negotiate', '', port => 'tls', h2 => '4xx'),
        ours('cookie-h2', 'session cookie, HTTP/2', 'cookie', 'AuthNegotiateSession On', port => 'tls', h2 => '2xx', cookie => 1),

        (map { idle($_) } 1000, 10_000),
        ours('growth-negotiate', 'growth, Negotiate', 'negotiate', '', load => \@each, growth => 100_000, full => 1),
        ours('growth-connection', 'growth, kept for the connection', 'connection', 'AuthNegotiatePersist On', load => \@first,
            growth => 100_000, full => 1),
        ours('growth-401', 'growth, 401', 'negotiate', '', load => [ -s => 401 ], growth => 100_000, full => 1),
    );
    return grep { $opt{peer} || !$_->{peer} } @cases;
}

sub ours {
    my ($name, $label, $path, $conf, %more) = @_;
    return { name => $name, label => $label, path => $path, type => 'Negotiate', %more,
        conf => "AuthNegotiateKeytab \"" . ($more{keytab} || '@keytab@') . "\"\n$conf" };
}

sub peer {
    my ($name, $label, $path, $conf, %more) = @_;
    return { name => $name, label => "$label (mod_auth_gssapi)", path => $path, type => 'GSSAPI', peer => 1, server => 'alone', %more,
        conf => "GssapiCredStore \"keytab:" . ($more{keytab} || '@keytab@') . "\"\nGssapiAllowedMech krb5\n$conf" };
}

# httpd's own authentication, with a password that costs next to nothing.
sub httpds {
    my ($name, $label, %more) = @_;
    return { name => $name, label => $label, path => 'authbasic', type => 'Basic', %more,
        conf => "AuthBasicProvider file\nAuthUserFile \@stage\@/users" };
}

sub open_page {
    my ($name, $label, $path, $conf, %more) = @_;
    return { name => $name, label => $label, path => $path, open => 1, conf => $conf, %more };
}

# A page to which GSSAPI alone is added: t/bench/mod_bench_bare.c, which has one credential.
sub bare {
    my ($name, $label, $rcache, %more) = @_;
    return open_page($name, $label, $name, "BenchBare \"\@keytab\@\" $rcache", server => $name, %more);
}

sub groups {
    my ($n, $each) = @_;
    return ours("groups-$n", "a ticket with $n groups, Require pac-group", 'groups', 'Require pac-group S-1-5-21-1-2-3-513',
        load => $each, ccache => "groups-$n", instructions => $n != 100);
}

sub many_keys {
    my ($maker, $suffix, $each) = @_;
    return $maker->("keys$suffix", 'keytab of 42 keys', "many$suffix", '', load => $each,
        keytab => '@stage@/keytab/many.keytab', instructions => !$suffix);
}

sub stock {
    my ($maker, $suffix, $each) = @_;
    return $maker->("stock$suffix", "Negotiate on every request, Debian's krb5.conf", "stock$suffix", '', load => $each,
        server => ($suffix ? 'alone-stock' : 'stock'), instructions => 1);
}

sub connections {
    my ($n, $each) = @_;
    return (
        { name => "page-$n", label => "unprotected page, $n connections", path => 'plain', load => [ -c => $n ] },
        ours("negotiate-$n", "Negotiate, $n connections", 'negotiate', '', load => [ @$each, -c => $n ]),
        peer("negotiate-peer-$n", "Negotiate, $n connections", 'peer', '', load => [ @$each, -c => $n ]),
    );
}

sub idle {
    my ($n) = @_;
    my @load = ('-i', -t => 'first');
    my @full = $n > 1000 ? (full => 1) : ();
    return (
        { name => "idle-page-$n", label => "$n idle connections, unprotected page", path => 'plain', load => ['-i'], idle => $n, @full },
        httpds("idle-basic-$n", "$n idle connections, httpd's mod_auth_basic", load => [ '-i', -H => $BASIC ], idle => $n, @full),
        ours("idle-$n", "$n idle connections, kept identities", 'connection', 'AuthNegotiatePersist On', load => \@load, idle => $n,
            @full),
        { name => "idle-page-trim-$n", label => "$n idle connections, unprotected page, MaxMemFree 8", path => 'plain', load => ['-i'],
            idle => $n, @TRIM, @full },
        ours("idle-trim-$n", "$n idle connections, kept identities, MaxMemFree 8", 'connection', 'AuthNegotiatePersist On',
            load => \@load, idle => $n, @TRIM, @full),
        peer("idle-peer-$n", "$n idle connections, kept identities", 'peer-connection', 'GssapiConnectionBound On', load => \@load,
            idle => $n, @full),
    );
}

# --- httpd's configuration -------------------------------------------------------

# Of the others the sections alone, open to all: httpd compares a URL with each, so that every server has as many.
sub conf {
    my ($modules, $port, $cases, $others) = @_;
    my %seen;
    my @own   = grep { defined $_->{conf} && !$seen{ $_->{path} }++ } @$cases;
    push @own, map { { %$_, open => 1, conf => '' } } grep { defined $_->{conf} && !$seen{ $_->{path} }++ } @{ $others || [] };
    my $pages = join '', map { "Alias \"/$_/\" \"\@documentroot\@/\"\n" } 'plain', map { $_->{path} } @own;
    my %host  = map { $_->{port} => $_ } grep { $_->{server_conf} && $_->{port} } @$cases;
    my $whole = join '', map { "$_->{server_conf}\n" =~ s/%runtime%/$port->{runtime}/r } grep { $_->{server_conf} && !$_->{port} } @$cases;
    my $hosts = join '', map { "Listen 127.0.0.1:$port->{$_}\n<VirtualHost 127.0.0.1:$port->{$_}>\n    $host{$_}{server_conf}\n</VirtualHost>\n" }
      sort keys %host;
    return join '', $modules, $whole, $pages, map({ location($_) } @own), $hosts, tls($port);
}

sub location {
    my ($case) = @_;
    my @lines = $case->{open} ? ($case->{conf}, 'Require all granted')
      : ("AuthType $case->{type}", 'AuthName "bench"', split(/\n/, $case->{conf}), 'Require valid-user');
    return join '', "<Location \"/$case->{path}/\">\n", map({ "    $_\n" } @lines), "</Location>\n";
}

sub tls {
    my ($port) = @_;
    return <<"TLS";
Listen 127.0.0.1:$port->{tls}
<VirtualHost 127.0.0.1:$port->{tls}>
    Protocols h2 http/1.1
    SSLEngine On
    SSLCertificateFile "$port->{crt}"
    SSLCertificateKeyFile "$port->{key}"
</VirtualHost>
TLS
}

# --- goals -------------------------------------------------------------------------

# Of each round's figures, by the cases' names. A goal is told when all that it needs was measured.
sub goals {
    return (
        (map { against_peer(@$_) }
            [ 'Negotiate',                               'negotiate',        'negotiate-peer' ],
            [ 'Negotiate, memory',                       'negotiate-memory', 'negotiate-peer' ],
            [ "Negotiate, Debian's krb5.conf",           'stock',            'stock-peer' ],
            [ 'Negotiate, keytab of 42 keys',            'keys',             'keys-peer' ],
            [ 'Negotiate, both in one httpd',            'negotiate',        'negotiate-peer-beside' ],
            [ 'Negotiate, memory, both in one httpd',    'negotiate-memory', 'negotiate-peer-beside' ]),
        above_page('Negotiate above the page: CPU / GSSAPI alone', [qw(negotiate page)], [qw(limit)]),
        above_page('Negotiate, memory, above the page: CPU / GSSAPI alone without cache', [qw(negotiate-memory page-memory)], [qw(limit-none)]),
        above_page('Negotiate above the page: CPU / GSSAPI alone within httpd', [qw(negotiate page)], [qw(bare page-open)]),
        above_page('Negotiate, memory, above the page: CPU / the same without cache', [qw(negotiate-memory page-memory)], [qw(bare-none page-open)]),
        ratio('kept for the connection: requests/s / page', 'rate', 'connection', 'page', '>=', 0.99),
        ratio('kept for the connection: requests/s / page in a section', 'rate', 'connection', 'page-open', '>=', 0.99),
        ratio("kept for the connection: requests/s / mod_auth_basic's page", 'rate', 'connection', 'page-basic', '>=', 0.99),
        ratio('session cookie: requests/s / page', 'rate', 'cookie', 'page', '>=', 0.93),
        ratio("session cookie: requests/s / mod_auth_basic's page", 'rate', 'cookie', 'page-basic', '>=', 0.93),
        ratio("401: requests/s / mod_auth_basic's 401", 'rate', '401', '401-basic', '>=', 0.98),
        ratio('Basic cached: requests/s / page', 'rate', 'basic-cached', 'page', '>=', 0.85),
        ratio("mod_auth_basic's page, its fastest: requests/s / page", 'rate', 'page-basic', 'page', '>=', 0.85),
        ratio('keytab of 42 keys: CPU / 2 keys', 'cpu', 'keys', 'negotiate', '<=', 1.05),
        ratio('GSSAPI alone, two threads: tokens/s / one', 'rate', 'limit-2', 'limit', '>=', 1.7),
        ratio('GSSAPI alone, two processes: tokens/s / one', 'rate', 'limit-2-processes', 'limit', '>=', 1.7),
        (map { idle_above($_, '', 'the page'), idle_above($_, '-trim', 'the page, MaxMemFree 8') } 1000, 10_000),
    );
}

sub ratio {
    my ($label, $what, $case, $other, $sign, $wanted) = @_;
    return [ $label, $sign, $wanted, [ $case, $other ], sub { $_[0]{$case}{$what} / $_[0]{$other}{$what} } ];
}

sub against_peer {
    my ($label, $case, $peer) = @_;
    return (
        ratio("$label: requests/s / mod_auth_gssapi", 'rate', $case, $peer, '>=', 2.0),
        ratio("$label: CPU / mod_auth_gssapi", 'cpu', $case, $peer, '<=', 0.40),
    );
}

# Of two pairs, a page and the same without: what is above. The loop alone has no page.
sub above_page {
    my ($label, $case, $limit) = @_;
    my $above = sub { my ($v, $with, $without) = @_; return $v->{$with}{cpu} - ($without ? $v->{$without}{cpu} : 0) };
    return [ $label, '<=', 1.20, [ @$case, @$limit ], sub { $above->($_[0], @$case) / $above->($_[0], @$limit) } ];
}

sub idle_above {
    my ($n, $how, $label) = @_;
    my ($case, $page) = ("idle$how-$n", "idle-page$how-$n");
    return [ "$n kept identities: bytes each above $label", '<=', 1024, [ $case, $page ],
        sub { $_[0]{$case}{memory} - $_[0]{$page}{memory} } ];
}

1;

__END__

=head1 NAME

NegTest::BenchCases - the cases, the configuration and the goals of t/bench/run

=cut
